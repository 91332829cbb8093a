import { useConversation, type Address } from '@corrillo/client/react'
import { useCallback, useRef, useState } from 'react'
import { fill, reason, t } from '../i18n'
import type { Session } from '../session'
import { Avatar } from './avatar'
import { Composer } from './composer'
import { History } from './history'
import { titleOf } from './names'
import { People, peopleOf, presenceOf } from './people'

interface Props {
  target: Address
  session: Session
  onBack: () => void
}

/** One open conversation. */
export function Room({ target, session, onBack }: Props) {
  const conversation = useConversation(target)
  const [people, setPeople] = useState(false)
  const peopleButton = useRef<HTMLButtonElement>(null)
  const closePeople = useCallback(() => {
    setPeople(false)
    peopleButton.current?.focus()
  }, [])
  const { members, status, error, typing } = conversation
  const direct = target.receiverId !== undefined
  const other = direct ? members.find((member) => member.userId === target.receiverId) : undefined
  const title = other?.username ?? titleOf(target)
  const role = members.find((member) => member.userId === session.userId)?.role

  return (
    <div className="room">
      <header className="room-head">
        <button className="back" onClick={onBack} aria-label={t.back}>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M15 5l-7 7 7 7" />
          </svg>
        </button>
        <Avatar name={title} group={!direct} online={other?.status === 'online'} />
        <div className="room-names">
          <h1 className="room-title">
            <bdi>{title}</bdi>
          </h1>
          <p className="room-sub">{direct ? presenceOf(other) : peopleOf(members)}</p>
        </div>
        {!direct && (
          <button ref={peopleButton} className="plain-button people-button" aria-expanded={people} aria-controls={people ? 'people' : undefined} onClick={() => setPeople(!people)}>
            <svg viewBox="0 0 24 24" aria-hidden="true">
              <path d="M9 11a3.5 3.5 0 100-7 3.5 3.5 0 000 7zM2.5 20c0-3.5 2.7-6 6.5-6s6.5 2.5 6.5 6M15.5 4.3a3.5 3.5 0 010 6.4M18 14.6c2.2.9 3.5 2.9 3.5 5.4" />
            </svg>
            <span>{t.people}</span>
          </button>
        )}
      </header>
      {people && <People members={members} me={session.userId} onClose={closePeople} />}
      {status === 'failed' ? (
        <div className="empty" role="alert">
          <h2>{t.notAllowed}</h2>
          <p>{error && reason(error)}</p>
        </div>
      ) : (
        <>
          <History conversation={conversation} moderates={!direct && (role === 'moderator' || role === 'owner')} />
          <p className="typing" data-on={typing.length > 0 || undefined}>
            {typingLine(typing.map((who) => who.username))}
          </p>
          <Composer target={target} me={session.userId} title={title} onSend={conversation.send} onTyping={conversation.sendTyping} />
        </>
      )}
    </div>
  )
}

function typingLine(names: string[]): string {
  const [a = '', b = ''] = names
  if (names.length === 0) return ''
  if (names.length === 1) return fill(t.typingOne, { a })
  return names.length === 2 ? fill(t.typingTwo, { a, b }) : t.typingMany
}

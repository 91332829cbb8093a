'use client'

import { useConversation } from '@corrillo/client/react'
import { useEffect } from 'react'
import type { StoredMessage } from '@/lib/history'
import type { Place } from '@/lib/places'
import styles from '../chat.module.css'
import { Composer } from './composer'
import { lines } from './lines'
import { Message } from './message'
import { NoticeForm } from './notice-form'

interface Props {
  me: string
  place: Place
  history: StoredMessage[]
}

/** A conversation: the server renders it with its history, the hook takes over from there. */
export function Conversation({ me, place, history }: Props) {
  const conversation = useConversation(place.target)
  const { messages, members, typing, unread, markRead, readByOthers } = conversation

  // What is on a screen that is looked at is read.
  useEffect(() => {
    const look = () => {
      if (unread > 0 && document.visibilityState === 'visible') markRead()
    }
    look()
    document.addEventListener('visibilitychange', look)
    return () => document.removeEventListener('visibilitychange', look)
  }, [unread, markRead])

  const online = new Set(members.filter(({ status }) => status === 'online').map(({ userId }) => userId))
  return (
    <>
      <header className={styles.head}>
        <h1>{place.title}</h1>
        <ul>
          {place.people.map(({ id, name }) => (
            <li key={id} data-online={online.has(id)}>
              {name}
              <span className={styles.hidden}>{online.has(id) ? ' is online' : ''}</span>
            </li>
          ))}
        </ul>
        {'conversationId' in place.target && <NoticeForm conversationId={place.target.conversationId} />}
      </header>

      <div className={styles.scroller} tabIndex={0} role="log" aria-label="History">
        <div>
          {conversation.hasOlder && (
            <button className={styles.older} disabled={conversation.loadingOlder} onClick={() => void conversation.loadOlder().catch(() => {})}>
              Load older
            </button>
          )}
          <ol>
            {lines(history, messages, me, readByOthers).map((line) => (
              <Message
                key={line.key}
                line={line}
                onRetry={() => conversation.retry(line.key)}
                onDiscard={() => conversation.discard(line.key)}
              />
            ))}
          </ol>
        </div>
      </div>

      <p className={styles.typing} aria-live="polite">
        {typing.length > 0 && `${typing.map(({ username }) => username).join(', ')} ${typing.length > 1 ? 'are' : 'is'} typing…`}
      </p>
      <Composer onSend={conversation.send} onTyping={conversation.sendTyping} />
    </>
  )
}

import type { Member } from '@corrillo/client/react'
import { useEffect } from 'react'
import { count, fill, t } from '../i18n'
import { ago } from '../i18n/time'
import { go } from '../place'
import { Avatar } from './avatar'

/** Whether somebody is there, or since when not. */
export function presenceOf(member: Member | undefined): string {
  if (member?.status === 'online') return t.online
  return member?.lastSeen ? fill(t.lastSeen, { when: ago(member.lastSeen) }) : t.offline
}

/** How many there are, and how many of them now. */
export function peopleOf(members: readonly Member[]): string {
  const online = members.filter((member) => member.status === 'online').length
  return `${count(t.members, members.length)} · ${fill(t.onlineOf, { n: online })}`
}

/** Who takes part in a conversation: those who are there first. */
export function People({ members, me, onClose }: { members: readonly Member[]; me: string; onClose: () => void }) {
  useEffect(() => {
    const close = (event: KeyboardEvent) => event.key === 'Escape' && onClose()
    document.addEventListener('keydown', close)
    return () => document.removeEventListener('keydown', close)
  }, [onClose])
  const sorted = [...members].sort((a, b) => Number(b.status === 'online') - Number(a.status === 'online') || a.username.localeCompare(b.username))
  return (
    <ul className="people" id="people" aria-label={t.people}>
      {sorted.map((member) => (
        <li key={member.userId}>
          <Avatar name={member.username} online={member.status === 'online'} />
          <span className="person-name">
            <bdi>{member.username}</bdi>
            <span className="hint">
              {member.userId === me ? t.you : presenceOf(member)}
              {member.role === 'owner' ? ` · ${t.owner}` : member.role === 'moderator' ? ` · ${t.moderator}` : ''}
            </span>
          </span>
          {member.userId !== me && (
            <button className="plain-button" onClick={() => go({ receiverId: member.userId })} aria-label={fill(t.writeTo, { name: member.username })}>
              {t.write}
            </button>
          )}
        </li>
      ))}
    </ul>
  )
}

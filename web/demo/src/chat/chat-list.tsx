import { type Address, type ConversationItem, type UseConversations } from '@corrillo/client/react'
import type { MouseEvent } from 'react'
import { count, reason, t } from '../i18n'
import { shortTime } from '../i18n/time'
import { go, placeOf } from '../place'
import { Avatar } from './avatar'
import { keyOf, nameOf, titleOf } from './names'
import { useOnline } from './presence'

interface Props {
  list: UseConversations
  open: Address | undefined
  me: string
}

/** This user's conversations, newest activity first. One that is open and has no message yet stands on top. */
export function ChatList({ list, open, me }: Props) {
  const online = useOnline(list.items)
  const openKey = open && keyOf(open)
  const fresh = open && !list.items.some((item) => item.key === openKey)
  if (list.status === 'ready' && !list.items.length && !fresh) return <p className="no-chats">{t.noChats}</p>
  return (
    <div className="chats">
      {list.status === 'failed' && (
        <p className="problem" role="alert">
          {list.error && reason(list.error)}{' '}
          <button onClick={() => void list.refresh().catch(() => {})}>{t.tryAgain}</button>
        </p>
      )}
      <ul>
        {fresh && (
          <li>
            <Chat target={open} current>
              <Avatar name={titleOf(open)} group={open.conversationId !== undefined} />
              <span className="chat-name">
                <bdi>{titleOf(open)}</bdi>
              </span>
            </Chat>
          </li>
        )}
        {list.items.map((item) => (
          <Row key={item.key} item={item} current={item.key === openKey} me={me} online={online.has(item.target.receiverId ?? '')} />
        ))}
      </ul>
      {list.hasMore && (
        <button className="more" onClick={() => void list.loadMore().catch(() => {})}>
          {t.moreChats}
        </button>
      )}
    </div>
  )
}

function Row({ item, current, me, online }: { item: ConversationItem; current: boolean; me: string; online: boolean }) {
  const last = item.lastMessage
  const group = item.target.conversationId !== undefined
  const name = nameOf(item)
  const who = last && (last.senderId === me ? t.you : group ? last.senderName : '')
  return (
    <li>
      <Chat target={item.target} current={current} unread={item.unread}>
        <Avatar name={name} group={group} online={online} />
        <span className="chat-name">
          <bdi>{name}</bdi>
          {online && <span className="visually-hidden">({t.online})</span>}
        </span>
        {last && <time dateTime={last.createdAt}>{shortTime(last.createdAt)}</time>}
        <span className="chat-last">
          {last && (
            <bdi>
              {who && `${who}: `}
              {last.deletedAt ? t.deleted : last.content.slice(0, 120)}
            </bdi>
          )}
        </span>
        {item.unread > 0 && (
          <span className="badge">
            <span aria-hidden="true">{item.unread > 99 ? '99+' : item.unread}</span>
            <span className="visually-hidden">{count(t.unread, item.unread)}</span>
          </span>
        )}
      </Chat>
    </li>
  )
}

/** A link to a conversation: it opens here, or in a tab of its own as links do. */
function Chat({ target, current, unread, children }: { target: Address; current: boolean; unread?: number; children: React.ReactNode }) {
  const open = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    go(target)
  }
  return (
    <a className="chat" href={placeOf(target)} aria-current={current ? 'true' : undefined} data-unread={unread || undefined} onClick={open}>
      {children}
    </a>
  )
}

import type { ChatMessage, UseConversation } from '@corrillo/client/react'
import { memo, useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react'
import { count, t } from '../i18n'
import { dayKey, dayName } from '../i18n/time'
import { useAttention } from './attention'
import { useDivider } from './divider'
import { MessageItem, type MessageCalls } from './message'
import { useScroll } from './use-scroll'

/** Messages of one person within this many milliseconds stand together. */
const TOGETHER = 5 * 60_000

/** The messages of a conversation, growing at both ends. `moderates`: this user may delete what others wrote. */
export function History({ conversation, moderates }: { conversation: UseConversation; moderates: boolean }) {
  const { messages, hasOlder, loadingOlder, loadOlder, status, unread, readByOthers } = conversation
  const { box, end, top, atEnd, toEnd, standAt, following } = useScroll(messages, () => hasOlder && void loadOlder().catch(() => {})) // the button tries again
  const attention = useAttention()
  const divider = useDivider(conversation, attention && atEnd)
  const line = divider > 0 ? messages.find((message) => message.seq > divider && !message.own)?.key : undefined
  const calls = useCalls(conversation)

  const opened = useRef(false)
  useLayoutEffect(() => {
    if (opened.current || status !== 'joined' || messages.length === 0) return
    opened.current = true
    if (line !== undefined) standAt('.new-line')
  }, [status, messages.length, line, standAt])

  const { markRead } = conversation
  useEffect(() => {
    // Nothing is read before it is there to be seen.
    if (attention && atEnd && unread > 0 && opened.current && following()) markRead()
  }, [attention, atEnd, unread, status, messages.length, following, markRead])

  const lastOwn = messages.findLast((message) => message.own && message.state === 'sent' && !message.deletedAt)?.key
  return (
    <div className="history-frame">
      <div className="history" ref={box} role="region" aria-label={t.history} tabIndex={0} onKeyDown={walk}>
        <div ref={top} />
        {hasOlder ? (
          <button className="more" disabled={loadingOlder} onClick={() => void loadOlder().catch(() => {})}>
            {loadingOlder ? t.loading : t.older}
          </button>
        ) : (
          messages.length > 0 && <p className="beginning">{t.beginning}</p>
        )}
        {messages.length === 0 && status === 'joining' && <p className="waits">{t.loading}</p>}
        {messages.length === 0 && status === 'joined' && (
          <div className="empty">
            <h2>{t.nothingSaid}</h2>
            <p>{t.nothingSaidHint}</p>
          </div>
        )}
        <ol className="messages">
          {messages.map((message, i) => (
            <Line
              key={message.key}
              message={message}
              before={messages[i - 1]}
              firstNew={message.key === line}
              read={message.own && message.state === 'sent' && message.seq <= readByOthers}
              mayDelete={message.own || moderates}
              entry={message.key === lastOwn}
              calls={calls}
            />
          ))}
        </ol>
        <div ref={end} />
      </div>
      {!atEnd && (
        <button className="to-end" onClick={toEnd}>
          {unread > 0 ? count(t.newMessages, unread) : t.toEnd}
        </button>
      )}
      <Announcer messages={messages} />
    </div>
  )
}

/** What a message may ask for, the same object for as long as the conversation is open. */
function useCalls({ edit, remove, retry, discard }: UseConversation): MessageCalls {
  return useMemo(() => ({ edit, remove, retry, discard }), [edit, remove, retry, discard])
}

/** One key press goes to the newest own message's actions, the arrows to those of the others. */
function walk(event: KeyboardEvent<HTMLElement>) {
  const step = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0
  const from = event.target as HTMLElement
  if (!step || !from.matches('.dots')) return
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>('.dots')]
  const next = all[all.indexOf(from) + step]
  if (!next) return
  event.preventDefault()
  next.focus()
}

interface LineProps {
  message: ChatMessage
  before: ChatMessage | undefined
  firstNew: boolean
  read: boolean
  mayDelete: boolean
  entry: boolean
  calls: MessageCalls
}

/** A message with what stands above it: the day, the line under which all is new. */
const Line = memo(function Line({ message, before, firstNew, ...rest }: LineProps) {
  const newDay = !before || dayKey(before.createdAt) !== dayKey(message.createdAt)
  const together =
    !newDay && !firstNew && before.senderId === message.senderId && Date.parse(message.createdAt) - Date.parse(before.createdAt) < TOGETHER
  return (
    <>
      {newDay && (
        <li className="day">
          <span>{dayName(message.createdAt)}</span>
        </li>
      )}
      {firstNew && (
        <li className="new-line">
          <span>{t.newFromHere}</span>
        </li>
      )}
      <MessageItem message={message} together={together} {...rest} />
    </>
  )
})

/** Says what others write to those who hear the page. What was there before is not read out. */
function Announcer({ messages }: { messages: readonly ChatMessage[] }) {
  const [from] = useState(() => new Date().toISOString())
  const last = messages.findLast((message) => message.state === 'sent')
  const fresh = last && !last.own && !last.deletedAt && last.createdAt > from
  const who = last?.type === 'system' ? '' : `${last?.senderName}: ` // a notice has no name
  return (
    <div className="visually-hidden" role="log" aria-live="polite">
      {fresh && <p key={last.key}>{who + last.content.slice(0, 500)}</p>}
    </div>
  )
}

import type { ChatMessage, UseConversation } from '@corrillo/client/react'
import { useState } from 'react'
import { fill, reason, t } from '../i18n'
import { clockTime, fullTime } from '../i18n/time'
import { Actions } from './actions'
import { Avatar } from './avatar'
import { Content } from './content'
import { EditForm } from './edit-form'

/** What a message may ask its conversation for. */
export type MessageCalls = Pick<UseConversation, 'edit' | 'remove' | 'retry' | 'discard'>

interface Props {
  message: ChatMessage
  /** It follows another one of the same person, and needs no name. */
  together: boolean
  /** Somebody else has read it. */
  read: boolean
  mayDelete: boolean
  /** The Tab key comes to this one's actions; the arrow keys go on from there. */
  entry: boolean
  calls: MessageCalls
}

/** One message: a bubble, who and when, what became of it. */
export function MessageItem({ message, together, read, mayDelete, entry, calls }: Props) {
  const [editing, setEditing] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const { own, state, deletedAt } = message
  const done = () => {
    setEditing(false)
    document.getElementById('message')?.focus() // the form is gone, and the focus with it
  }

  async function run(work: Promise<void>) {
    setProblem('')
    setBusy(true)
    try {
      await work
      done()
    } catch (err) {
      setProblem(reason(err as { code: string; message: string }))
    }
    setBusy(false)
  }

  if (message.type === 'system' && !own) return <Notice message={message} />
  return (
    <li className="message" data-own={own || undefined} data-state={state} data-together={together || undefined} data-id={message.id}>
      {!own && !together && <Avatar name={message.senderName} />}
      {!own && (
        <span className={together ? 'visually-hidden' : 'sender'}>
          <bdi>{message.senderName}</bdi>
        </span>
      )}
      <div className="line">
        <div className="bubble">
          {editing ? (
            <EditForm content={message.content} busy={busy} onSave={(content) => void run(calls.edit(message.id, content))} onCancel={done} />
          ) : (
            <>
              <Content message={message} />
              <p className="meta">
                {message.editedAt && !deletedAt && <span>{t.edited}</span>}
                <time dateTime={message.createdAt} title={fullTime(message.createdAt)}>
                  {clockTime(message.createdAt)}
                </time>
                {own && state !== 'failed' && <Mark state={state} read={read} />}
              </p>
            </>
          )}
        </div>
        {mayDelete && state === 'sent' && !deletedAt && !editing && (
          <Actions entry={entry} onEdit={own ? () => setEditing(true) : undefined} onDelete={() => void run(calls.remove(message.id))} />
        )}
      </div>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {state === 'failed' && (
        <p className="failed" role="alert">
          <span>{fill(t.failed, { reason: message.error ? reason(message.error) : '' })}</span>
          <button onClick={() => calls.retry(message.key)}>{t.retry}</button>
          <button onClick={() => calls.discard(message.key)}>{t.discard}</button>
        </p>
      )}
    </li>
  )
}

/** What the app itself says, between the messages of people. */
function Notice({ message }: { message: ChatMessage }) {
  return (
    <li className="message notice" data-state={message.state} data-id={message.id}>
      <div className="bubble">
        <Content message={message} />
      </div>
      <time className="visually-hidden" dateTime={message.createdAt}>
        {clockTime(message.createdAt)}
      </time>
    </li>
  )
}

/** Pending, sent, read: as a sign, and as a word for those who hear the page. */
function Mark({ state, read }: { state: ChatMessage['state']; read: boolean }) {
  const word = state === 'pending' ? t.sending : read ? t.read : t.sent
  return (
    <span className="mark" data-mark={state === 'pending' ? 'pending' : read ? 'read' : 'sent'} title={word}>
      <svg viewBox="0 0 20 12" aria-hidden="true">
        {state === 'pending' ? <path d="M10 3v3l2 1.5M10 1a5 5 0 100 10 5 5 0 000-10" /> : <path d={read ? 'M1 6.5l3.5 3.5L11 2.5M8 9l1 1 6.5-7.5' : 'M4 6.5l3.5 3.5L14 2.5'} />}
      </svg>
      <span className="visually-hidden">{word}</span>
    </span>
  )
}

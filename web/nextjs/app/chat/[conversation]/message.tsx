import { Time } from '@/app/time'
import styles from '../chat.module.css'
import type { Line } from './lines'

const words = { sending: 'Sending…', failed: 'Not sent', sent: 'Sent', read: 'Read' }

/** One message. What somebody wrote is text, whatever markup it looks like. */
export function Message({ line, onRetry, onDiscard }: { line: Line; onRetry: () => void; onDiscard: () => void }) {
  const { senderName, content, system, own, createdAt, state, error } = line
  if (system) {
    return (
      <li className={styles.notice}>
        {content} <Time of={createdAt} />
      </li>
    )
  }
  return (
    <li className={styles.message} data-own={own} data-state={state}>
      {!own && <b>{senderName}</b>}
      <p>{content}</p>
      <small>
        <Time of={createdAt} />
        {own && <span> · {words[state]}</span>}
        {state === 'failed' && (
          <>
            <span role="alert">: {error?.message}</span>
            <button onClick={onRetry}>Retry</button>
            <button onClick={onDiscard}>Discard</button>
          </>
        )}
      </small>
    </li>
  )
}

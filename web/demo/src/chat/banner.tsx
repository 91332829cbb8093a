import { useStatus } from '@corrillo/client/react'
import { count, fill, reason, t } from '../i18n'

/** What is wrong with the connection, in words; nothing while all is well. */
export function Banner({ onSignIn }: { onSignIn: () => void }) {
  const status = useStatus()
  const text = sentence(status)
  const ended = status.state === 'refused' || status.state === 'closed'
  return (
    <div className={`banner ${ended ? 'bad' : ''}`} role="status" data-state={status.state}>
      {text && (
        <p>
          {text} {status.pending > 0 && count(t.waiting, status.pending)}
          {ended && <button onClick={onSignIn}>{t.signInAgain}</button>}
        </p>
      )}
      {status.storage === 'memory' && <p className="quiet">{t.memory}</p>}
    </div>
  )
}

function sentence({ state, attempt, error }: ReturnType<typeof useStatus>): string {
  switch (state) {
    case 'connecting':
      return attempt > 0 ? t.connecting : ''
    case 'reconnecting':
      return t.reconnecting
    case 'offline':
      return t.away
    case 'refused':
      return fill(t.refused, { reason: error ? reason(error) : '' })
    case 'closed':
      return t.closed
    default:
      return ''
  }
}

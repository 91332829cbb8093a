import 'server-only'
import { setting } from './settings'

/**
 * Calls Corrillo's webhook, as the app's back end. Throws when Corrillo is
 * away or says no.
 */
export async function webhook(endpoint: 'new-message' | 'message-deleted', body: object): Promise<void> {
  const response = await fetch(`${setting('CORRILLO_URL')}/webhook/${endpoint}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${setting('WEBHOOK_SECRET')}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    cache: 'no-store',
    signal: AbortSignal.timeout(10_000),
  })
  if (!response.ok) throw new Error(`webhook ${endpoint} answered ${response.status}: ${await response.text()}`)
}

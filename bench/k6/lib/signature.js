// How a back end proves itself to the webhook.

import crypto from 'k6/crypto'
import encoding from 'k6/encoding'

/**
 * headers for one request: a Standard Webhooks signature when there is a
 * signing secret (whsec_...), the bearer secret otherwise. id makes a repeat
 * harmless either way.
 */
export function headers({ secret, signingSecret, id, body }) {
  if (!signingSecret) return { 'Content-Type': 'application/json', Authorization: `Bearer ${secret}`, 'Idempotency-Key': id }
  const key = encoding.b64decode(signingSecret.replace(/^whsec_/, ''))
  const timestamp = Math.floor(Date.now() / 1000)
  const signature = crypto.hmac('sha256', key, `${id}.${timestamp}.${body}`, 'base64')
  return { 'Content-Type': 'application/json', 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': `v1,${signature}` }
}

// Tokens for a server with auth.mode jwt, signed here with its shared secret.

import crypto from 'k6/crypto'
import encoding from 'k6/encoding'

const part = (value) => encoding.b64encode(JSON.stringify(value), 'rawurl')

/** token is an HS256 JWT for a user, good for a day, that lets them into these conversations. */
export function token(secret, { id, name }, conversations) {
  const exp = Math.floor(Date.now() / 1000) + 24 * 3600
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: id, name, exp, conversations })}`
  return `${body}.${crypto.hmac('sha256', secret, body, 'base64rawurl')}`
}

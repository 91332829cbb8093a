import 'server-only'

/**
 * Whether a request comes from a page of this app, or from no browser at all.
 * SameSite=Lax is not enough on its own: for a cookie, localhost:3001 and
 * localhost:3000 are one site. Every browser sends Origin with a POST. Server
 * actions need no such check, Next.js makes it for them.
 */
export function sameOrigin(request: Request): boolean {
  const origin = request.headers.get('origin')
  if (origin === null) return !request.headers.has('sec-fetch-site')
  return origin.replace(/^https?:\/\//, '') === request.headers.get('host')
}

/** The answer to a request that is not. */
export const foreign = () => Response.json({ error: 'the request comes from another origin' }, { status: 403 })

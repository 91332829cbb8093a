/** Who uses this page. */
export interface Session {
  userId: string
  username: string
  token?: string
}

/** How the server learns who somebody is: a name is enough, or a token says it. */
export type Auth = 'trust' | 'jwt'

const KEY = 'corrillo.session'

/** Asks the server how to sign in. Rejects when it does not answer. */
export async function fetchAuth(signal: AbortSignal): Promise<Auth> {
  const response = await fetch('settings.json', { signal })
  if (!response.ok) throw new Error(`${response.status}`)
  const { auth } = (await response.json()) as { auth: Auth }
  return auth
}

/** The session of this tab: kept over a reload, or named in the address where the server trusts names. */
export function restore(auth: Auth): Session | undefined {
  const user = new URLSearchParams(location.search).get('user')?.trim()
  if (auth === 'trust' && user) return { userId: user, username: user }
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as Session | null
    return kept?.userId && (auth === 'trust' || kept.token) ? kept : undefined
  } catch {
    return undefined
  }
}

/** Keeps the session in this tab alone; undefined forgets it. */
export function keep(session: Session | undefined): void {
  try {
    if (session) sessionStorage.setItem(KEY, JSON.stringify(session))
    else sessionStorage.removeItem(KEY)
  } catch {
    // A browser that keeps nothing asks again after a reload.
  }
}

/** The user that a token names; undefined when it is none. The server checks it, this only reads. */
export function readToken(token: string): Session | undefined {
  try {
    const bytes = Uint8Array.from(atob(token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
    const { sub, name } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown; name?: unknown }
    if (typeof sub !== 'string' || !sub) return undefined
    return { userId: sub, username: typeof name === 'string' && name ? name : sub, token }
  } catch {
    return undefined
  }
}

/** The `exp` of a JWT in milliseconds since 1970; undefined when it has none that can be read. */
export function expiryOf(token: string): number | undefined {
  try {
    const { exp } = JSON.parse(atob(token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/')))
    return typeof exp === 'number' ? exp * 1000 : undefined
  } catch {
    return undefined
  }
}

/** Longest time that setTimeout takes; a longer one would fire at once. */
const longest = 2 ** 31 - 1

/** Shortest time between two tokens: a source that gives the same one again is not asked faster and faster. */
const shortest = 1_000

/**
 * Milliseconds until a new token should be asked for: a fifth of the life
 * that is left before the end, and at most a minute before it. now is the
 * server's.
 */
export function refreshDelay(expiry: number, now: number): number {
  const left = expiry - now
  return Math.min(Math.max(left - Math.min(60_000, left / 5), shortest), longest)
}

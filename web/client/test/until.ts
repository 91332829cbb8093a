import { vi } from 'vitest'

/** Waits until it no longer throws. The time only guards against a hang: a busy machine needs seconds for what takes none. */
export const until = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 25_000, interval: 20 })

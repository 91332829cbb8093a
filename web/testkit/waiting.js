// Waiting for what nobody can be notified of.
import { setTimeout as pause } from 'node:timers/promises'

/** How long a test waits for something that must come, in milliseconds. */
export const PATIENCE = 30_000

/**
 * Asks again until `ask` gives something true, and returns it. What it throws
 * counts as not yet.
 * @template T
 * @param {string | (() => string)} what it is that must come, for the error
 * @param {() => T | Promise<T>} ask
 * @param {{within?: number, every?: number}} [options] milliseconds
 * @returns {Promise<T>}
 */
export async function eventually(what, ask, { within = PATIENCE, every = 25 } = {}) {
  const end = performance.now() + within
  for (;;) {
    let last
    try {
      const answer = await ask()
      if (answer) return answer
      last = answer
    } catch (error) {
      if (error.final) throw error
      last = error
    }
    if (performance.now() > end) {
      throw new Error(`waited ${within / 1000} s in vain for ${typeof what === 'function' ? what() : what}; at last: ${last}`)
    }
    await pause(every)
  }
}

/** Waits until `ask` gives what `want` is, compared by their JSON. */
export async function becomes(what, want, ask, options) {
  const expected = JSON.stringify(want)
  let got
  await eventually(
    () => `${what}\n  want ${expected}\n  have ${got}`,
    async () => (got = JSON.stringify(await ask())) === expected,
    options,
  )
}

/** What a promise gives, or an error that says what did not come in time. */
export async function within(what, promise, milliseconds = PATIENCE) {
  const over = new AbortController()
  const late = pause(milliseconds, undefined, { signal: over.signal }).then(
    () => { throw new Error(`waited ${milliseconds / 1000} s in vain for ${what}`) },
    () => promise,
  )
  try {
    return await Promise.race([promise, late])
  } finally {
    over.abort()
  }
}

/** An error that `eventually` does not wait through. */
export function final(message) {
  return Object.assign(new Error(message), { final: true })
}

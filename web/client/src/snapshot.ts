import type { Store } from './api.js'

/** A store whose value is made when somebody looks, and told once for all changes of a turn. */
export interface Snapshot<T> extends Store<T> {
  /** The value at hand is out of date. */
  changed(): void
}

/** `make` gives the value anew; what did not change in it should stay the same object. */
export function createSnapshot<T>(make: () => T): Snapshot<T> {
  const listeners = new Set<{ call: () => void }>()
  let value: T
  let fresh = false
  let telling = false
  return {
    get() {
      if (!fresh) {
        fresh = true
        value = make()
      }
      return value
    },
    subscribe(call) {
      const entry = { call }
      listeners.add(entry)
      return () => void listeners.delete(entry)
    },
    changed() {
      fresh = false
      if (telling) return
      telling = true
      queueMicrotask(() => {
        telling = false
        for (const { call } of [...listeners]) call()
      })
    },
  }
}

/** Milliseconds to wait before trying again: longer each time, and not in step with other clients. */
export function backoff(attempt: number): number {
  return Math.min(30_000, 500 * 2 ** attempt) * (0.5 + Math.random() / 2)
}

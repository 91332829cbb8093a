import type { Store } from './api.js'
import { away, plain } from './error.js'
import type { WireError } from './protocol.js'
import { backoff, createSnapshot } from './snapshot.js'

/** A store whose code is not there yet. */
export interface Lazy<S, T> extends Store<S> {
  /** The store itself; rejects when it cannot be loaded now. */
  load(): Promise<T>
  /** The value before it is loaded is out of date. */
  changed(): void
}

/**
 * A store whose code is loaded by the first who looks, while the connection is
 * being made. `before` is its value until then. What cannot be loaded, a server
 * being away, is tried for again while somebody looks.
 */
export function createLazy<S, T extends Store<S>>(fetch: () => Promise<T>, before: (begun: boolean, error?: WireError) => S): Lazy<S, T> {
  let store: T | undefined
  let loading: Promise<T> | undefined
  let begun = false
  let error: WireError | undefined
  const early = createSnapshot(() => before(begun, error))

  const load = () =>
    (loading ??= fetch().then(
      (loaded) => (store = loaded),
      () => {
        loading = undefined
        const err = away('not loaded')
        error = plain(err)
        early.changed()
        throw err
      },
    ))

  return {
    get: () => (store ?? early).get(),
    subscribe(listener) {
      if (store) return store.subscribe(listener)
      let stop = early.subscribe(listener)
      let timer: ReturnType<typeof setTimeout>
      let looking = true
      const attach = (attempt: number) => {
        load().then(
          (loaded) => {
            if (!looking) return
            stop()
            stop = loaded.subscribe(listener)
            listener()
          },
          () => {
            if (looking) timer = setTimeout(attach, backoff(attempt), attempt + 1)
          },
        )
      }
      begun = true
      early.changed()
      attach(0)
      return () => {
        looking = false
        clearTimeout(timer)
        stop()
      }
    },
    load,
    changed: early.changed,
  }
}

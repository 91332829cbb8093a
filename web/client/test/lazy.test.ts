import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createLazy } from '../src/lazy.js'
import { createSnapshot } from '../src/snapshot.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const flush = () => vi.advanceTimersByTimeAsync(0)

/** A store that counts who looks at it. */
function createCounter() {
  let value = 0
  let lookers = 0
  const snapshot = createSnapshot(() => value)
  return {
    get: snapshot.get,
    subscribe(listener: () => void) {
      lookers++
      const stop = snapshot.subscribe(listener)
      return () => {
        lookers--
        stop()
      }
    },
    add() {
      value++
      snapshot.changed()
    },
    lookers: () => lookers,
  }
}

type Counter = ReturnType<typeof createCounter>

it('hands those who look over to the store, once it is loaded', async () => {
  const counter = createCounter()
  const lazy = createLazy<number, Counter>(async () => counter, (begun) => (begun ? -1 : -2))
  expect(lazy.get()).toBe(-2)
  const heard: number[] = []
  const stop = lazy.subscribe(() => heard.push(lazy.get()))
  expect(lazy.get()).toBe(-1)
  await flush()
  counter.add()
  expect(lazy.get()).toBe(1) // at once, before anybody is told
  await flush()
  expect(heard.slice(-2)).toEqual([0, 1])
  stop()
  expect(counter.lookers()).toBe(0)
})

it('never looks for one who is gone', async () => {
  const counter = createCounter()
  const lazy = createLazy<number, Counter>(async () => counter, () => -1)
  lazy.subscribe(() => {})()
  await flush()
  expect(counter.lookers()).toBe(0)
})

it('tries again to load, as long as somebody looks', async () => {
  const counter = createCounter()
  let there = false
  const fetch = vi.fn(async () => {
    if (!there) throw new TypeError('Failed to fetch')
    return counter
  })
  const lazy = createLazy<number, Counter>(fetch, (_begun, error) => (error ? -3 : -1))
  const stop = lazy.subscribe(() => {})
  await flush()
  expect(lazy.get()).toBe(-3)
  await expect(lazy.load()).rejects.toMatchObject({ code: 'unavailable', retryable: true })
  there = true
  await vi.advanceTimersByTimeAsync(60_000)
  expect(lazy.get()).toBe(0)
  expect(counter.lookers()).toBe(1)
  stop()
  const calls = fetch.mock.calls.length
  await vi.advanceTimersByTimeAsync(600_000)
  expect(fetch).toHaveBeenCalledTimes(calls)
})

import type { Link } from './internal.js'
import type { Address, WireError } from './protocol.js'
import { backoff } from './snapshot.js'

/** A mark is told at once, and the next one this much later at the earliest. */
const SPACING = 500

type OnRead = (target: Address, seq: number) => void
const readers = new WeakMap<Link, Set<OnRead>>()

/** Calls back when this tab has read something, which the server learns and tells a little later. Returns the way to stop. */
export function onOwnRead(link: Link, listener: OnRead): () => void {
  let those = readers.get(link)
  if (!those) readers.set(link, (those = new Set()))
  those.add(listener)
  return () => void those.delete(listener)
}

/**
 * This user's read mark of one conversation. It shows at once; what the server
 * has not confirmed is told again after each reconnect.
 */
export function createReadMark(link: Link, target: Address, changed: () => void) {
  let seq = 0
  let confirmed = 0
  let busy = false
  let attempt = 0

  function raise(to: number) {
    if (to <= seq) return
    seq = to
    changed()
  }

  function rest(milliseconds: number) {
    setTimeout(() => {
      busy = false
      flush()
    }, milliseconds)
  }

  async function flush() {
    if (busy || seq <= confirmed || !link.up) return
    const mark = seq
    busy = true
    try {
      await link.request('mark_read', { ...target, seq: mark })
      confirmed = Math.max(confirmed, mark)
      attempt = 0
      rest(SPACING)
    } catch (error) {
      const refused = error as WireError
      if (!refused.retryable) {
        confirmed = mark
        link.report(refused)
      }
      rest(backoff(attempt++))
    }
  }

  return {
    get seq() {
      return seq
    },
    flush,
    /** The server knows this one already. */
    known(to: number) {
      confirmed = Math.max(confirmed, to)
      raise(to)
    },
    /** This user has read up to `to`. False when that is nothing new. */
    mark(to: number) {
      if (to <= seq) return false
      raise(to)
      readers.get(link)?.forEach((listener) => listener(target, to))
      void flush()
      return true
    },
  }
}

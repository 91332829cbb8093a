import type { Member } from './api.js'
import type { Link } from './internal.js'
import type { Address, MemberRecord, MembersReply, WireError } from './protocol.js'
import { backoff } from './snapshot.js'

/** Members asked for: those beyond are known from what they do. */
const MOST = 1_000
/** Somebody new may be a member: asked for this much later, once for all who come. */
const DELAY = 2_000

/**
 * The members of a conversation: as the server lists them, and as far as they
 * are seen where it does not.
 */
export function createMembers(link: Link, target: Address, changed: () => void) {
  const names = new Map<string, string>([[link.userId, link.username]])
  let records = new Map<string, MemberRecord>()
  let list: readonly Member[] | undefined
  let state: 'seen' | 'listed' | 'unknown' = 'seen'
  let timer: ReturnType<typeof setTimeout> | undefined
  let wanted = false // until stop
  let attempt = 0

  function touch() {
    list = undefined
    changed()
  }

  async function load() {
    clearTimeout(timer)
    timer = undefined
    wanted = true
    if (state === 'unknown') return
    if (!link.up) return retry() // a session that is recovered goes on without another join
    const found = new Map<string, MemberRecord>()
    try {
      let cursor: string | undefined
      do {
        const page: MembersReply = await link.request('get_members', { ...target, limit: 200, cursor })
        for (const record of page.members) {
          const readSeq = Math.max(record.readSeq, records.get(record.userId)?.readSeq ?? 0)
          found.set(record.userId, { ...record, readSeq })
        }
        cursor = page.cursor
      } while (cursor && found.size < MOST)
      records = found
      state = 'listed'
      attempt = 0
      touch()
    } catch (error) {
      const { code, retryable } = error as WireError
      if (code === 'invalid_payload') state = 'unknown' // an older server does not know the request
      else if (retryable) retry() // who is there is asked of other nodes, which may be gone
    }
  }

  function retry() {
    if (wanted) timer ??= setTimeout(load, backoff(attempt++))
  }

  function set(userId: string, change: Partial<MemberRecord>) {
    const known = records.get(userId)
    if (known && Object.entries(change).every(([name, value]) => known[name as keyof MemberRecord] === value)) return
    records.set(userId, { userId, role: 'member', readSeq: 0, status: 'offline', lastSeen: null, ...known, ...change })
    touch()
  }

  return {
    get list() {
      return (list ??= [...records.values()].map((record) => ({ ...record, username: names.get(record.userId) ?? record.userId })))
    },
    get readByOthers() {
      let most = 0
      for (const { userId, readSeq } of records.values()) if (userId !== link.userId) most = Math.max(most, readSeq)
      return most
    },
    load,
    /** Later, once for all who come until then. */
    soon() {
      if (state === 'listed') timer ??= setTimeout(load, DELAY)
    },
    stop() {
      clearTimeout(timer)
      timer = undefined
      wanted = false
      attempt = 0
    },
    named(userId: string, username: string) {
      if (!username || names.get(userId) === username) return
      names.set(userId, username)
      touch()
    },
    /** Somebody spoke, read or typed here; `live`: just now; `present`: and is here. Who wrote a message has read up to it. */
    seen(userId: string, live: boolean, seq = 0, present = live) {
      const known = records.get(userId)
      if (!known && !live && state === 'listed') return
      set(userId, { readSeq: Math.max(seq, known?.readSeq ?? 0), ...(present ? { status: 'online' } : {}) })
    },
    /** False when this is nobody who is known here. */
    presence(userId: string, status: MemberRecord['status'], lastSeen: string) {
      if (!records.has(userId)) return false
      set(userId, { status, lastSeen })
      return true
    },
  }
}

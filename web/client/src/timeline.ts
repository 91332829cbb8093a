import type { ChatMessage } from './api.js'
import { merge, newer } from './merge.js'
import type { HistoryReply } from './protocol.js'

/** Messages of a page of history, and of one that catches up: the server's default and its most. */
const PAGE = 50
const MOST = 200
/** Further behind than this, the newest page is read and what is between is left to `older`. */
export const FAR = 400
/** Messages held, and how many more a reader of old ones may gain before the oldest go. */
const HELD = 2_000
const SLACK = 200
/** Messages kept that came before those in front of them. History has those beyond. */
const EARLY = 500

export type ReadPage = (page: { beforeSeq?: number; afterSeq?: number; limit: number }) => Promise<HistoryReply>

export interface TimelineOptions {
  read: ReadPage
  /** A stored message for the screen. */
  view: (messages: HistoryReply['messages']) => ChatMessage[]
  changed: () => void
  /** These were missed and are there now. */
  missed: (messages: HistoryReply['messages']) => void
}

/**
 * The stored messages of a conversation: one stretch without gaps that ends at
 * the newest. What comes too early waits until `fill` has read what is in front.
 */
export function createTimeline({ read, view, changed, missed }: TimelineOptions) {
  let held: ChatMessage[] = []
  let last = -1
  let goal = -1
  let hasOlder = false
  let room = HELD
  let loading: Promise<void> | undefined
  let pages = 0
  const early = new Map<number, ChatMessage>()
  /** Edits of messages that may be in a page on its way, read before the edit. */
  const edits = new Map<string, (message: ChatMessage) => ChatMessage>()

  async function page(query: Parameters<ReadPage>[0], take: (page: HistoryReply, messages: ChatMessage[]) => void) {
    pages++
    try {
      const reply = await read(query)
      take(reply, view(reply.messages).map((m) => edits.get(m.id)?.(m) ?? m))
    } finally {
      if (!--pages) edits.clear()
    }
  }

  function take(messages: readonly ChatMessage[]) {
    held = merge(held, messages)
    last = Math.max(last, held.at(-1)?.seq ?? 0)
    for (let next; (next = early.get(last + 1)); last++) held.push(next)
    for (const seq of early.keys()) if (seq <= last) early.delete(seq)
    goal = Math.max(goal, last)
    if (held.length > room && !loading) {
      held = held.slice(SLACK - room)
      hasOlder = true
    }
    changed()
  }

  /** The server does not have what it promised: what came early is all there is. */
  function content() {
    goal = Math.max(last, ...early.keys())
    take([...early.values()])
  }

  function newest() {
    const promised = goal
    return page({ limit: PAGE }, (reply, messages) => {
      held = []
      last = -1
      room = HELD
      hasOlder = reply.hasMore
      take(messages)
      if (last < goal && goal === promised) content()
    })
  }

  return {
    /** Up to here nothing is missing; -1 before the first page. */
    get last() {
      return last
    },
    /** The highest seq that is known of; -1 when nothing is. */
    get newest() {
      return Math.max(last, goal)
    },
    get held(): readonly ChatMessage[] {
      return held
    },
    get early() {
      return early.values()
    },
    get hasOlder() {
      return hasOlder
    },
    get loading() {
      return !!loading
    },
    get behind() {
      return last < goal
    },
    find: (id: string) => held.findLast((m) => m.id === id) ?? [...early.values()].find((m) => m.id === id),
    /** The server has messages up to `seq`. */
    expect(seq: number) {
      goal = Math.max(goal, seq)
      if (last < 0 && !seq) take([])
    },
    /** What is held may be no part of what the server has, or too far from it: `fill` begins anew. */
    restart(seq: number) {
      last = -1
      goal = seq
      early.clear()
    },
    take,
    /** A live message. `fill` is wanted when it leaves the timeline behind. */
    receive(message: ChatMessage) {
      goal = Math.max(goal, message.seq)
      const known = early.get(message.seq)
      if (last >= 0 && message.seq <= last + 1) {
        if (message.seq >= (held[0]?.seq ?? 0)) take([message])
      } else if (known || message.own || early.size < EARLY) {
        early.set(message.seq, known ? newer(known, message) : message)
        changed()
      }
    },
    /** Changes one message. One that is not loaded comes changed from history. */
    edit(id: string, change: (message: ChatMessage) => ChatMessage) {
      const at = held.findLastIndex((m) => m.id === id)
      if (at >= 0) held[at] = change(held[at])
      else if (pages) {
        const before = edits.get(id)
        edits.set(id, before ? (m) => change(before(m)) : change)
      }
      for (const [seq, m] of early) if (m.id === id) early.set(seq, change(m))
      changed()
    },
    /** Reads until nothing is missing. Rejects with the first refusal. */
    async fill() {
      while (last < goal) {
        if (last < 0 || goal - last > FAR) await newest()
        else {
          await page({ afterSeq: last, limit: MOST }, (reply, messages) => {
            if (messages.length) take(messages)
            else content()
            missed(reply.messages)
          })
        }
      }
    },
    /** One page of older messages. One at a time. */
    older(limit = PAGE): Promise<void> {
      const first = held[0]?.seq
      if (loading || !hasOlder || last < 0 || first === undefined) return loading ?? Promise.resolve()
      loading = page({ beforeSeq: first, limit }, (reply, messages) => {
        // Begun anew in between: this page would not join it.
        if (held[0]?.seq !== first) return
        hasOlder = reply.hasMore
        held = merge(messages, held)
        room = Math.max(HELD, held.length + 2 * SLACK)
      }).finally(() => {
        loading = undefined
        changed()
      })
      changed()
      return loading
    },
    /** Nobody looks: keeps the last page, to be joined to what comes. */
    shrink() {
      if (held.length <= PAGE) return
      held = held.slice(-PAGE)
      room = HELD
      hasOlder = true
      changed()
    },
  }
}

export type Timeline = ReturnType<typeof createTimeline>

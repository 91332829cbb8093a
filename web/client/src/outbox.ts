import type { ChatOptions, Draft, Status } from './api.js'
import { ChatError, plain } from './error.js'
import type { Link, Outbox, OutboxChange, OutboxEntry } from './internal.js'
import type { Address, ErrorCode, MessageAck, MessageSent } from './protocol.js'
import { backoff } from './snapshot.js'
import { openStorage, type KeptEntry, type Storage } from './storage.js'
import { joinTabs, newTempId, type Tabs } from './tabs.js'

/** Entries of one user in one browser; more fail with `overloaded`. */
export const outboxLimit = 1_000
/** Characters of one message's JSON: what the server takes by default, less its frame. */
const draftLimit = 900_000
/** A client may send 50 events a second and 200 at once: stay well below, other things are sent too. */
const burst = 100
const perSecond = 40
/** Milliseconds that a database may take to open before what is new is sent without what it holds. */
const openWithin = 3_000
/** Milliseconds that another tab may leave a message lying before this one sends it. */
const idleTurn = 20_000

/** What tabs of one user tell each other. */
type TabMessage =
  | { type: 'added' | 'changed' | 'discarded'; entry: KeptEntry }
  | { type: 'acked'; entry: KeptEntry; ack: MessageSent }

/** An Outbox with what its owner, the chat, may do to it. */
export interface OwnedOutbox extends Outbox {
  counts(): Pick<Status, 'storage' | 'pending' | 'failed'>
  open(): void
  close(): void
  onCounts(listener: () => void): void
}

/**
 * Keeps messages until their ack and sends them in order: at most inFlight
 * without an ack, from one tab at a time. All that is unacked when a
 * connection goes is sent again from the oldest; tempIds make that harmless.
 * A refusal that may pass stops the sending until what is on its way is
 * settled; any other makes that one entry `failed`.
 */
export function createOutbox(link: Link, url: string, options: Pick<ChatOptions, 'inFlight' | 'storage'>): OwnedOutbox {
  const scope = `${url}|${link.userId}`
  const inFlight = Math.max(1, options.inFlight ?? 8)
  let entries: KeptEntry[] = [] // by order
  const flying = new Set<string>()
  const gone = new Map<string, number>() // the order of what was settled: the database, or another tab, may speak of it late
  const listeners = new Set<(change: OutboxChange) => void>()
  const countListeners = new Set<() => void>()
  let counts: Pick<Status, 'storage' | 'pending' | 'failed'> = { storage: 'opening', pending: 0, failed: 0 }
  let tabs: Tabs | undefined
  let leading = false
  let read = false // what earlier pages left is in the list
  let reading: ReturnType<typeof setTimeout> | undefined
  let watch: ReturnType<typeof setTimeout> | undefined
  let connection = 0 // counts them
  let pauses = 0 // refusals in a row that may pass
  let pause: ReturnType<typeof setTimeout> | undefined
  let tokens = burst
  let filledAt = Date.now()
  let storage: Storage | undefined

  function count() {
    const pending = entries.filter((e) => e.state === 'pending').length
    const next = { storage: storage?.kind() ?? 'opening', pending, failed: entries.length - pending }
    if (next.storage === counts.storage && next.pending === counts.pending && next.failed === counts.failed) return
    counts = next
    countListeners.forEach((listener) => listener())
  }

  const find = (tempId: string) => entries.find((e) => e.tempId === tempId)

  /** Takes a change into the list, whoever made it. */
  function apply(change: TabMessage) {
    const { entry } = change
    const rest = entries.filter((e) => e.tempId !== entry.tempId)
    if (change.type === 'acked' || change.type === 'discarded') {
      flying.delete(entry.tempId)
      if (gone.set(entry.tempId, entry.order).size > outboxLimit) gone.delete(gone.keys().next().value!)
      entries = rest
    } else if (gone.get(entry.tempId)! >= entry.order) {
      return
    } else {
      const before = rest.filter((e) => e.order < entry.order)
      entries = [...before, entry, ...rest.slice(before.length)]
    }
    listeners.forEach((listener) => listener(change))
    count()
  }

  /** A change of this tab's: kept, shown, told to the other tabs. */
  function change(c: TabMessage) {
    if (c.type === 'acked' || c.type === 'discarded') storage?.delete(c.entry.tempId)
    else storage?.put(c.entry)
    apply(c)
    tabs?.tell(c)
    pump()
  }

  /** Rises with each message: by the clock, so that the tabs agree. */
  const nextOrder = () => Math.max(Date.now() * 1000, (entries.at(-1)?.order ?? 0) + 1)

  function failed(entry: KeptEntry, code: ErrorCode, message: string): KeptEntry {
    return { ...entry, state: 'failed', error: { code, message, retryable: false } }
  }

  async function load() {
    for (const entry of ((await storage?.all()) ?? []).sort((a, b) => a.order - b.order)) {
      if (!find(entry.tempId)) apply({ type: 'added', entry })
    }
    count()
    begin()
  }

  function begin() {
    clearTimeout(reading)
    read = true
    pump()
  }

  /** A tab that has the turn and does not use it, being frozen, loses it: its messages' tempIds make that harmless. */
  function watchTurn() {
    const oldest = entries.find((e) => e.state === 'pending')?.tempId
    if (watch || !oldest) return
    watch = setTimeout(() => {
      watch = undefined
      if (!leading && link.up && find(oldest)?.state === 'pending') tabs?.take()
      pump()
    }, idleTurn)
  }

  function pump() {
    if (!tabs || !link.up) return
    if (!leading) return watchTurn()
    if (!read || pause) return
    const now = Date.now()
    // A clock that was set back owes nothing.
    tokens = Math.min(burst, tokens + (Math.max(0, now - filledAt) * perSecond) / 1000)
    filledAt = now
    for (const entry of entries) {
      if (flying.size >= inFlight) return
      if (entry.state !== 'pending' || flying.has(entry.tempId)) continue
      if (tokens < 1) return wait(1000 / perSecond)
      tokens--
      fly(entry)
    }
  }

  function wait(ms: number) {
    clearTimeout(pause)
    pause = setTimeout(() => {
      pause = undefined
      pump()
    }, ms)
  }

  function fly(entry: KeptEntry) {
    const { draft, address } = entry
    const tempId = wireId(entry)
    flying.add(entry.tempId)
    const on = connection
    const round = pauses
    link.request<MessageSent>('send_message', { ...draft, ...address, tempId }).then(
      (ack) => settle(ack, round),
      (err) => on === connection && settle({ tempId, status: 'failed', error: err }, round), // what went with a connection has gone out again
    )
  }

  /** What the server, or the connection's end, says of a message. */
  function settle(ack: MessageAck, round: number) {
    const tempId = String(ack.tempId)
    const entry = find(tempId)
    const flew = flying.delete(tempId)
    if (!entry) return
    if (ack.status === 'sent') {
      pauses = 0
      return change({ type: 'acked', entry, ack })
    }
    if (!ack.error.retryable) return change({ type: 'changed', entry: { ...entry, state: 'failed', error: plain(ack.error) } })
    if (!flew) return
    // Nothing new goes out before this one has had its turn again. What one trouble refused at once counts once.
    if (round === pauses) pauses++
    wait(backoff(pauses))
  }

  link.onUp(() => {
    clearTimeout(pause)
    pause = undefined
    tabs?.stand()
    pump()
  })
  link.onDown(() => {
    connection++
    flying.clear()
    leading = false
    tabs?.rest()
  })
  // After a recovery the callbacks of before do not come, this event does.
  link.on('message_ack', (ack: MessageAck) => {
    const entry = find(String(ack.tempId))
    if (entry && ack.status === 'sent') change({ type: 'acked', entry, ack })
  })

  function patch(tempId: string, make: (entry: KeptEntry) => TabMessage) {
    const entry = find(tempId)
    if (entry?.state === 'failed') change(make(entry))
  }

  return {
    entries: () => entries,
    add(address: Address, draft: Draft): OutboxEntry {
      const given = draft.tempId
      const tempId = typeof given === 'number' || (typeof given === 'string' && given) ? String(given) : newTempId()
      const known = find(tempId)
      if (known) return known
      let entry: KeptEntry = { scope, tempId, address: { ...address }, draft, createdAt: new Date().toISOString(), state: 'pending', order: nextOrder() }
      try {
        // The app's own object may change before this is sent.
        entry = { ...entry, draft: structuredClone(draft) }
        if (JSON.stringify(draft).length > draftLimit) entry = failed(entry, 'payload_too_large', 'the message is too large')
      } catch {
        // It can be neither kept nor told to the tab that sends.
        entry = failed({ ...entry, draft: { content: draft.content } }, 'invalid_payload', 'the message holds what cannot be sent')
      }
      if (counts.pending >= outboxLimit) entry = failed(entry, 'overloaded', 'too many messages wait to be sent')
      gone.delete(tempId)
      change({ type: 'added', entry })
      return entry
    },
    retry: (tempId) =>
      patch(tempId, ({ error: _, ...entry }) => ({ type: 'changed', entry: { ...entry, state: 'pending', order: nextOrder() } })),
    discard: (tempId) => patch(tempId, (entry) => ({ type: 'discarded', entry })),
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    counts: () => counts,
    onCounts: (listener) => void countListeners.add(listener),
    open() {
      if (tabs) return
      if (!storage) {
        storage = openStorage(scope, options.storage ?? 'indexeddb', count)
        entries.forEach((entry) => storage?.put(entry)) // written before anybody used the connection
      }
      tabs = joinTabs(
        scope,
        (lead) => {
          leading = lead
          if (lead) void load()
        },
        (message: TabMessage) => {
          apply(message)
          pump()
        },
      )
      reading = setTimeout(begin, openWithin)
      if (link.up) tabs.stand()
      void load()
    },
    close() {
      leading = false
      for (const timer of [pause, reading, watch]) clearTimeout(timer)
      pause = watch = undefined
      tabs?.close()
      tabs = undefined
    },
  }
}

/** A message's tempId as the app gave it: apps that number their messages get the number back. */
export const wireId = ({ draft, tempId }: OutboxEntry) => (typeof draft.tempId === 'number' ? draft.tempId : tempId)

/** The error that a waiting sender gets. */
export const errorOf = (entry: OutboxEntry) =>
  new ChatError(entry.error ?? { code: 'internal', message: 'the message was discarded', retryable: false })

import type { ChatMessage, ConversationItem, Conversations, ConversationsState } from './api.js'
import { ChatError, plain } from './error.js'
import type { Link, Outbox } from './internal.js'
import { acked, stored, tombstone } from './merge.js'
import type { Address, ConversationsReply, ConversationSummary, JoinReply, Message, MessageDeletedEvent, MessageReadEvent, MessageSent, WireError } from './protocol.js'
import { onOwnRead } from './readmark.js'
import { hold, keyOf, passOver } from './rooms.js'
import { backoff, createSnapshot } from './snapshot.js'

const PAGE = 50
/** Groups that are joined to hear of their messages: the newest. Direct messages come without that. */
const FOLLOWED = 100
/** Milliseconds from the first sign that the list is out of date to the question. */
const DELAY = 300
/** Milliseconds that a join is waited for before the next one goes out. */
const NEXT = 50

type Row = ConversationItem & { readonly readSeq: number; readonly directId?: string }

/** An edit or a deletion, and what it makes of the message. */
interface Change {
  rev: number
  make: (message: ChatMessage) => ChatMessage
}

/** One that is older than what is held, or is told again, changes nothing. */
const after = (message: ChatMessage, change: Change | undefined) => (change && change.rev > (message.rev ?? 0) ? change.make(message) : message)

/**
 * The conversations of this user, newest activity first. While somebody
 * subscribes its groups are joined, so that their messages are counted as they
 * come; it asks the server again after each reconnect, and when something
 * speaks of a conversation that is not in the list.
 */
export function createConversations(link: Link, outbox: Outbox): Conversations {
  const me = link.userId
  let status: ConversationsState['status'] = 'idle'
  let error: WireError | undefined
  let rows = new Map<string, Row>()
  let cursor: string | undefined
  let lookers = 0
  let asking: Promise<void> | undefined
  let again = false
  let attempt = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let stops: (() => void)[] = []
  const followed = new Map<string, () => void>()
  const joined = new Set<string>() // of these, by the session at hand
  let following = false
  let refused = 0 // joins, in a row
  const revs = new Map<string, number>() // by conversation, how far its changes have come in this session
  let answers = 0 // on their way
  const meanwhile = new Map<string, Change>() // the newest of each message that they may lack

  const snapshot = createSnapshot<ConversationsState>(() => {
    const items = [...rows.values()].sort((a, b) => (a.lastActivityAt < b.lastActivityAt ? 1 : a.lastActivityAt > b.lastActivityAt ? -1 : 0))
    const unread = items.reduce((sum, item) => sum + item.unread, 0)
    return { status, ...(error ? { error } : {}), items, unread, hasMore: cursor !== undefined }
  })
  const { changed } = snapshot

  function rowOf(summary: ConversationSummary): Row {
    const { conversationId, receiverId, directId, lastMessage, lastSeq, readSeq, unread, lastActivityAt } = summary
    const target = (conversationId !== undefined ? { conversationId } : { receiverId: receiverId! }) as Address
    // Who wrote the last message has read everything; the server notes it a little later.
    const read = lastMessage?.senderId === me ? { readSeq: lastSeq, unread: 0 } : { readSeq, unread }
    const last = lastMessage && after(stored(lastMessage, me), meanwhile.get(lastMessage.id))
    return { target, key: keyOf(target), lastMessage: last, lastSeq, ...read, lastActivityAt, directId }
  }

  /** The row that an event, or what this user addressed, is about. */
  function find(of: { conversationId?: string; receiverId?: string; directId?: string }, actor: string): Row | undefined {
    if (of.conversationId !== undefined) return rows.get(`c${of.conversationId}`)
    const peer = actor === me ? of.receiverId : actor
    return rows.get(`u${peer}`) ?? [...rows.values()].find((row) => of.directId !== undefined && row.directId === of.directId)
  }

  /** What an answer says of a conversation, and what is known of it now and was when it was asked for. */
  function newest(row: Row, held: Row | undefined, before: Row | undefined): Row {
    if (!held) return row
    if (held.lastSeq > row.lastSeq) return held === before ? row : held // an event has overtaken it
    return held.readSeq > row.readSeq ? read(row, held.readSeq) : row // the server notes it a little later
  }

  const read = (row: Row, readSeq: number): Row => ({ ...row, readSeq, unread: Math.min(row.unread, Math.max(row.lastSeq - readSeq, 0)) })

  function put(row: Row, change: Partial<Row>) {
    rows.set(row.key, { ...row, ...change })
    changed()
  }

  /**
   * One after the other: all at once would be more than a connection may ask
   * for. One that is answered late, its node having died, holds up no other.
   */
  async function follow() {
    if (following) return
    following = true
    const isNext = ({ key, target }: ConversationItem) => target.conversationId !== undefined && !joined.has(key)
    let stopped = false
    for (let row; !stopped && lookers && link.up && (row = snapshot.get().items.slice(0, FOLLOWED).find(isNext)); ) {
      let timer: ReturnType<typeof setTimeout>
      const answered = join(row).then((more) => void (stopped ||= !more))
      await Promise.race([answered, new Promise((resolve) => (timer = setTimeout(resolve, NEXT)))])
      clearTimeout(timer!)
    }
    following = false
  }

  /** Reports false when no more should be asked for now. */
  async function join({ key, target }: ConversationItem): Promise<boolean> {
    joined.add(key)
    if (!followed.has(key)) followed.set(key, hold(link, target))
    try {
      const { lastSeq, lastRev } = await link.request<JoinReply>('join_conversation', target)
      passOver(link, target, lastSeq)
      hear(target.conversationId!, lastRev)
      if (lastSeq > (rows.get(key)?.lastSeq ?? 0)) soon() // said between the list and the join: no event tells it
      refused = 0
      return true
    } catch (err) {
      // Who may not join sees its messages when the list is asked for again.
      if (!(err as WireError).retryable) {
        passOver(link, target, Infinity)
        return true
      }
      joined.delete(key)
      soon(backoff(refused++))
      return false
    }
  }

  async function ask(from?: string) {
    const before = new Map(rows)
    answers++
    try {
      take(await link.request<ConversationsReply>('get_conversations', { limit: PAGE, ...(from ? { cursor: from } : {}) }), before, !from)
    } finally {
      if (!--answers) meanwhile.clear()
    }
    void follow()
  }

  function take(reply: ConversationsReply, before: ReadonlyMap<string, Row>, first: boolean) {
    const held = rows
    if (first) {
      // Further pages stay: what moved up stands in the first one, under its key.
      if (!reply.cursor) rows = new Map()
      cursor ??= reply.cursor
      if (!reply.cursor) cursor = undefined
    } else {
      cursor = reply.cursor
    }
    for (const summary of reply.conversations) {
      const row = rowOf(summary)
      rows.set(row.key, newest(row, held.get(row.key), before.get(row.key)))
    }
    status = 'ready'
    error = undefined
    attempt = 0
    changed()
  }

  function refresh(): Promise<void> {
    if (asking) {
      again = true
      return asking
    }
    if (status === 'idle') status = 'loading'
    changed()
    asking = ask()
      .catch((err: unknown) => {
        error = err instanceof ChatError ? plain(err) : { code: 'internal', message: String(err), retryable: true }
        if (status !== 'ready') status = error.retryable ? 'loading' : 'failed'
        changed()
        if (error.retryable && link.up) soon(backoff(attempt++))
        throw err
      })
      .finally(() => {
        asking = undefined
        if (again && lookers) soon()
        again = false
      })
    return asking
  }

  function soon(delay = DELAY) {
    timer ??= setTimeout(() => {
      timer = undefined
      if (lookers && link.up) refresh().catch(() => {}) // told by the state
    }, delay)
  }

  function onMessage(message: Message) {
    const row = find(message, message.senderId)
    if (!row) return soon()
    if (message.seq <= row.lastSeq) return
    const own = message.senderId === me
    put(row, {
      lastMessage: stored(message, me),
      lastSeq: message.seq,
      lastActivityAt: message.createdAt,
      ...(own ? { unread: 0, readSeq: message.seq } : { unread: row.unread + 1 }),
    })
  }

  function onRead(event: MessageReadEvent) {
    if (event.userId !== me) return
    const row = find(event, me)
    if (!row) return soon()
    readTo(row, event.seq)
  }

  function readTo(row: Row, seq: number) {
    if (seq <= row.readSeq) return
    if (seq < row.lastSeq) soon() // how many are left only the server knows
    put(row, read(row, seq))
  }

  function onChange(id: string, { rev = 0, ...of }: { rev?: number; conversationId?: string; directId?: string }, make: Change['make']) {
    const change = { rev, make }
    if (answers && rev > (meanwhile.get(id)?.rev ?? 0)) meanwhile.set(id, change)
    for (const row of rows.values()) {
      const lastMessage = row.lastMessage?.id === id ? after(row.lastMessage, change) : row.lastMessage
      if (lastMessage !== row.lastMessage) put(row, { lastMessage })
    }
    if (hear((of.conversationId ?? of.directId)!, rev)) soon(backoff(1)) // who else has missed those between asks at another moment
  }

  /** The changes of a conversation have come to `rev`. Reports whether there are some between it and the one before. */
  function hear(id: string, rev: number): boolean {
    const known = revs.get(id)
    revs.set(id, Math.max(known ?? 0, rev))
    return known !== undefined && rev > known + 1
  }

  function onAck(entry: Parameters<typeof acked>[0], ack: MessageSent) {
    const row = find({ ...entry.address, directId: ack.directId }, me)
    if (!row) return soon()
    if (ack.seq <= row.lastSeq) return
    put(row, { lastMessage: acked(entry, ack, me, link.username), lastSeq: ack.seq, readSeq: ack.seq, unread: 0, lastActivityAt: ack.createdAt })
  }

  /** Another session has joined nothing and heard of nothing. */
  function forget() {
    joined.clear()
    revs.clear()
  }

  function listen() {
    const onFocus = () => document.visibilityState === 'visible' && soon()
    const page = typeof document === 'undefined' ? undefined : document
    page?.addEventListener('visibilitychange', onFocus)
    stops = [
      () => page?.removeEventListener('visibilitychange', onFocus),
      link.on('new_message', onMessage),
      link.on('message_read', onRead),
      onOwnRead(link, (target, seq) => {
        const row = rows.get(keyOf(target))
        if (row) readTo(row, seq)
      }),
      link.on('message_updated', (message: Message) => onChange(message.id, message, () => stored(message, me))),
      link.on('message_deleted', (event: MessageDeletedEvent) =>
        onChange(event.messageId, event, (held) => tombstone(held, event, new Date().toISOString()))),
      outbox.subscribe((change) => change.type === 'acked' && onAck(change.entry, change.ack)),
      link.onUp((recovered) => {
        if (!recovered) forget()
        refresh().catch(() => {}) // told by the state
      }),
    ]
  }

  return {
    get: snapshot.get,
    subscribe(listener) {
      const stop = snapshot.subscribe(listener)
      if (lookers++ === 0) {
        if (status === 'idle') status = 'loading'
        listen()
      }
      let looking = true
      return () => {
        if (!looking) return
        looking = false
        stop()
        if (--lookers > 0) return
        clearTimeout(timer)
        timer = undefined
        stops.forEach((end) => end())
        followed.forEach((release) => release())
        followed.clear()
        forget()
      }
    },
    loadMore: () => (cursor === undefined ? Promise.resolve() : ask(cursor)),
    refresh,
  }
}

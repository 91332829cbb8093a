import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createConversations } from '../src/conversations.js'
import { ChatError } from '../src/error.js'
import type { Link, Outbox, OutboxChange } from '../src/internal.js'
import type { ConversationSummary, Message } from '../src/protocol.js'
import { createReadMark } from '../src/readmark.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const flush = () => vi.advanceTimersByTimeAsync(0)
const later = () => vi.advanceTimersByTimeAsync(5_000)
const at = (n: number) => new Date(1e12 + n).toISOString()

function group(id: string, activity: number, more: Partial<ConversationSummary> = {}): ConversationSummary {
  return { conversationId: id, lastMessage: null, lastSeq: 0, readSeq: 0, unread: 0, lastActivityAt: at(activity), ...more }
}

/** The list, over a connection that a test steers. Pages hold 50. */
function createScene() {
  const listeners = new Map<string, Set<(data: any) => void>>()
  const ups = new Set<(recovered: boolean) => void>()
  const changes = new Set<(change: OutboxChange) => void>()
  const scene = {
    up: true,
    summaries: [] as ConversationSummary[],
    requests: [] as [string, any][],
    open: 0, // joins without an answer
    most: 0,
    onAsked: undefined as (() => void) | undefined, // the server has looked, its answer is on its way
    lastSeq: 0, // as joins tell it
    lastRev: 0,
    gates: new Map<string, Promise<void>>(), // joins whose answers wait for these
    refuseJoins: undefined as ChatError | undefined,
    refusal: undefined as ChatError | undefined,
    emit: (event: string, data: unknown) => [...(listeners.get(event) ?? [])].forEach((listener) => listener(data)),
    acked: (change: Extract<OutboxChange, { type: 'acked' }>) => changes.forEach((listener) => listener(change)),
    back: () => ups.forEach((listener) => listener(false)),
    joins: () => scene.requests.filter(([event]) => event === 'join_conversation').map(([, to]) => to.conversationId as string),
  }
  const link = {
    userId: 'ann',
    username: 'Ann',
    get up() {
      return scene.up
    },
    async request(event: string, payload: any) {
      scene.requests.push([event, payload])
      if (scene.refusal) throw scene.refusal
      if (event === 'join_conversation') {
        if (scene.refuseJoins) throw scene.refuseJoins
        scene.most = Math.max(scene.most, ++scene.open)
        await scene.gates.get(payload.conversationId)
        scene.open--
        return { status: 'ok', lastSeq: scene.lastSeq, lastRev: scene.lastRev }
      }
      const from = Number(payload.cursor ?? 0)
      const page = scene.summaries.slice(from, from + payload.limit)
      const more = from + page.length < scene.summaries.length
      scene.onAsked?.()
      await Promise.resolve()
      return { status: 'ok', conversations: page, ...(more && { cursor: `${from + page.length}` }) }
    },
    tell: (event: string, payload: unknown) => scene.requests.push([event, payload]),
    on(event: string, listener: any) {
      if (!listeners.has(event)) listeners.set(event, new Set())
      listeners.get(event)!.add(listener)
      return () => listeners.get(event)!.delete(listener)
    },
    onUp: (listener: any) => (ups.add(listener), scene.up && listener(false), () => ups.delete(listener)),
  } as unknown as Link
  const outbox = { entries: () => [], subscribe: (listener: any) => (changes.add(listener), () => changes.delete(listener)) } as unknown as Outbox
  return { ...scene, scene, link, list: createConversations(link, outbox) }
}

function message(conversationId: string, seq: number, more: Partial<Message> = {}): Message {
  return { id: `${conversationId}-${seq}`, conversationId, seq, senderId: 'bob', senderName: 'Bob', content: `${seq}`, type: 'text', createdAt: at(1000 + seq), ...more }
}

const chain = (...calls: (() => void)[]) => () => calls.forEach((call) => call())

const keys = (scene: ReturnType<typeof createScene>) => scene.list.get().items.map((i) => i.target.conversationId ?? i.target.receiverId)

it('puts what speaks first, and counts what is unread until it is read', async () => {
  const s = createScene()
  s.scene.summaries.push(group('old', 2, { lastSeq: 4, readSeq: 3, unread: 1 }), group('new', 1))
  s.list.subscribe(() => {})
  expect(s.list.get().status).toBe('loading')
  await flush()
  expect(s.list.get()).toMatchObject({ status: 'ready', unread: 1, hasMore: false })
  s.scene.emit('new_message', message('new', 1))
  s.scene.emit('new_message', message('new', 1)) // twice
  expect(keys(s)).toEqual(['new', 'old'])
  expect(s.list.get().unread).toBe(2)
  s.scene.emit('message_read', { userId: 'ann', conversationId: 'new', messageId: 'new-1', seq: 1, readAt: at(0) })
  expect(s.list.get().items[0]).toMatchObject({ unread: 0, lastMessage: { content: '1', own: false } })
  s.scene.emit('message_deleted', { messageId: 'new-1', conversationId: 'new', seq: 1, rev: 1, deletedBy: 'bob' })
  expect(s.list.get().items[0]!.lastMessage).toMatchObject({ content: '', deletedBy: 'bob' })
})

it('takes an ack for a message: the sending connection gets no other of a direct one', async () => {
  const s = createScene()
  const direct = { receiverId: 'bob', directId: 'dm:1', lastMessage: null, lastSeq: 1, readSeq: 0, unread: 1, lastActivityAt: at(1) }
  s.scene.summaries.push(group('room', 2), direct)
  s.list.subscribe(() => {})
  await flush()
  const entry = { tempId: 't', address: { receiverId: 'bob' }, draft: { content: 'psst' }, createdAt: at(5), state: 'pending' as const }
  s.scene.acked({ type: 'acked', entry, ack: { tempId: 't', messageId: 'm', directId: 'dm:1', seq: 2, createdAt: at(9), status: 'sent' } })
  expect(keys(s)).toEqual(['bob', 'room'])
  expect(s.list.get().items[0]).toMatchObject({ unread: 0, lastMessage: { content: 'psst', own: true } })
})

it('asks again when something speaks of a conversation that it does not know, once for many', async () => {
  const s = createScene()
  s.list.subscribe(() => {})
  await flush()
  s.scene.summaries.push(group('fresh', 1, { lastSeq: 2, unread: 2 }))
  s.scene.emit('new_message', message('fresh', 1))
  s.scene.emit('new_message', message('fresh', 2))
  await later()
  expect(keys(s)).toEqual(['fresh'])
  expect(s.scene.requests.filter(([event]) => event === 'get_conversations')).toHaveLength(2)
})

it('counts what is said while the answer is on its way', async () => {
  const s = createScene()
  s.scene.summaries.push(group('room', 1, { lastSeq: 2, readSeq: 2 }))
  s.list.subscribe(() => {})
  await flush()
  s.scene.onAsked = () => [3, 4].forEach((seq) => s.scene.emit('new_message', message('room', seq)))
  await s.list.refresh()
  expect(s.list.get()).toMatchObject({ unread: 2, items: [{ lastSeq: 4 }] })
  // Another database than the one before: what it has is all there is.
  s.scene.onAsked = undefined
  await s.list.refresh()
  expect(s.list.get()).toMatchObject({ unread: 0, items: [{ lastSeq: 2 }] })
})

it('asks again when something was said between the list and the join', async () => {
  const s = createScene()
  s.scene.summaries.push(group('room', 1, { lastSeq: 2, readSeq: 2 }))
  s.scene.lastSeq = 3
  s.scene.onAsked = () => (s.scene.summaries[0] = group('room', 1, { lastSeq: 3, readSeq: 2, unread: 1 }))
  s.list.subscribe(() => {})
  await flush()
  expect(s.list.get().unread).toBe(0)
  await later()
  expect(s.list.get().unread).toBe(1)
})

it('does not take back what was read: the server counts it a little later', async () => {
  const s = createScene()
  s.scene.summaries.push(group('room', 1, { lastSeq: 2, readSeq: 0, unread: 2 }))
  s.list.subscribe(() => {})
  await flush()
  s.scene.emit('message_read', { userId: 'ann', conversationId: 'room', messageId: 'room-2', seq: 2, readAt: at(0) })
  s.scene.summaries[0] = group('room', 1, { lastSeq: 3, readSeq: 0, unread: 3 })
  await s.list.refresh()
  expect(s.list.get().unread).toBe(1)
})

it('hears its groups: a hundred at most, one join at a time, and again after a reconnect', async () => {
  const s = createScene()
  s.scene.summaries.push(...Array.from({ length: 130 }, (_, i) => group(`g${i}`, 1000 - i)))
  const stop = s.list.subscribe(() => {})
  await later()
  expect(s.list.get().hasMore).toBe(true)
  await s.list.loadMore()
  await s.list.loadMore()
  await later()
  expect(keys(s)).toHaveLength(130)
  expect(s.list.get().hasMore).toBe(false)
  expect(s.joins()).toHaveLength(100)
  expect(s.scene.most).toBe(1)
  s.scene.requests.length = 0
  s.scene.back()
  await later()
  expect(s.joins()).toHaveLength(100)
  stop()
  expect(s.scene.requests.filter(([event]) => event === 'leave_conversation')).toHaveLength(100)
})

it('hears the others while one that it joins does not answer', async () => {
  const s = createScene()
  s.scene.summaries.push(...Array.from({ length: 40 }, (_, i) => group(`g${i}`, 1000 - i)))
  let answer = () => {}
  const dead = ['g0', 'g5', 'g6', 'g20']
  for (const id of dead) s.scene.gates.set(id, new Promise((resolve) => (answer = chain(answer, resolve))))
  s.list.subscribe(() => {})
  await vi.advanceTimersByTimeAsync(500)
  expect(s.joins()).toHaveLength(40)
  expect(s.scene.most).toBe(dead.length + 1)
  s.scene.lastSeq = 1 // said before the dead ones were joined
  s.scene.summaries[0] = group('g0', 1000, { lastSeq: 1, unread: 1 })
  answer()
  await later()
  expect(s.list.get().unread).toBe(1)
  expect(s.joins()).toHaveLength(40)
})

it('counts nothing as unread that is read in this tab while it comes', async () => {
  const s = createScene()
  s.scene.summaries.push(group('room', 1))
  s.list.subscribe(() => {})
  await flush()
  const mark = createReadMark(s.link, { conversationId: 'room' }, () => {})
  s.scene.emit('new_message', message('room', 1))
  mark.mark(1)
  expect(s.list.get()).toMatchObject({ unread: 0, items: [{ lastSeq: 1, unread: 0 }] })
  createReadMark(s.link, { conversationId: 'elsewhere' }, () => {}).mark(7)
  await later()
  expect(s.scene.requests.filter(([event]) => event === 'get_conversations')).toHaveLength(1)
})

it('says what went wrong, and tries again where that helps', async () => {
  const s = createScene()
  s.scene.refusal = new ChatError({ code: 'unavailable', message: 'away', retryable: true })
  s.list.subscribe(() => {})
  await flush()
  expect(s.list.get()).toMatchObject({ status: 'loading', error: { code: 'unavailable' } })
  await expect(s.list.refresh()).rejects.toBeInstanceOf(ChatError)
  s.scene.refusal = undefined
  await vi.advanceTimersByTimeAsync(60_000)
  expect(s.list.get()).toMatchObject({ status: 'ready' })
  expect(s.list.get().error).toBeUndefined()
})

it('asks for a join again that was refused for now, and not for one that was refused', async () => {
  const s = createScene()
  s.scene.summaries.push(group('room', 1))
  s.list.subscribe(() => {})
  s.scene.refuseJoins = new ChatError({ code: 'rate_limited', message: 'later', retryable: true })
  await flush()
  s.scene.refuseJoins = new ChatError({ code: 'forbidden', message: 'no', retryable: false })
  await later()
  expect(s.joins()).toEqual(['room', 'room'])
  for (let i = 0; i < 3; i++) {
    await s.list.refresh()
    await flush()
  }
  expect(s.joins()).toEqual(['room', 'room'])
})

describe('the last message, edited and deleted', () => {
  /** One group with one message, and a way to change it. */
  async function open(rev?: number) {
    const s = createScene()
    s.scene.lastRev = rev ?? 0
    s.scene.summaries.push(group('room', 1, { lastSeq: 1, lastMessage: message('room', 1, { rev }) }))
    s.list.subscribe(() => {})
    await later()
    const asked = () => s.scene.requests.filter(([event]) => event === 'get_conversations').length
    const before = asked()
    return {
      ...s,
      edit: (rev: number, content = `edit ${rev}`) => s.scene.emit('message_updated', message('room', 1, { rev, content })),
      remove: (rev: number) => s.scene.emit('message_deleted', { messageId: 'room-1', conversationId: 'room', seq: 1, rev, deletedBy: 'bob' }),
      last: () => s.list.get().items[0]!.lastMessage!,
      /** How often the list was asked for since. */
      asked: () => asked() - before,
    }
  }

  it('is what the newest change made of it, in whatever order they come', async () => {
    const s = await open(1)
    s.edit(3)
    s.edit(2)
    expect(s.last()).toMatchObject({ content: 'edit 3', rev: 3 })
    s.edit(1, 'as it is there')
    expect(s.last().content).toBe('edit 3')
    s.edit(4)
    expect(s.last().content).toBe('edit 4')
  })

  it('stays the same when a change is told again', async () => {
    const s = await open()
    s.edit(1)
    await flush()
    const before = s.list.get()
    s.edit(1)
    expect(s.list.get()).toBe(before)
    s.remove(2)
    const deleted = s.list.get()
    expect(s.last()).toMatchObject({ content: '', deletedBy: 'bob', rev: 2 })
    await later()
    s.remove(2)
    expect(s.list.get()).toBe(deleted)
  })

  it('stays deleted when an edit comes late', async () => {
    const s = await open()
    s.remove(2)
    s.edit(1)
    expect(s.last()).toMatchObject({ content: '', deletedBy: 'bob' })
  })

  it('is no older for an answer that was read before the change', async () => {
    const s = await open()
    s.scene.onAsked = () => s.edit(1)
    await s.list.refresh()
    expect(s.last().content).toBe('edit 1')
    s.scene.onAsked = () => (s.remove(3), s.edit(2))
    await s.list.refresh()
    expect(s.last()).toMatchObject({ content: '', deletedBy: 'bob' })
    // Another database than the one before: what it has is all there is.
    s.scene.onAsked = undefined
    await s.list.refresh()
    expect(s.last()).toMatchObject({ content: '1' })
  })

  it('is no older in the first answer, nor in that of a page', async () => {
    const s = createScene()
    const old = Array.from({ length: 60 }, (_, i) => group(`g${i}`, 1000 - i, { lastSeq: 1, lastMessage: message(`g${i}`, 1) }))
    s.scene.summaries.push(...old)
    const edit = (id: string) => s.scene.emit('message_updated', message(id, 1, { rev: 1, content: 'edited' }))
    s.scene.onAsked = () => edit('g7')
    s.list.subscribe(() => {})
    await later()
    s.scene.onAsked = () => edit('g57')
    await s.list.loadMore()
    expect(s.list.get().items.filter((item) => item.lastMessage!.content === 'edited').map((item) => item.target.conversationId)).toEqual(['g7', 'g57'])
  })

  it('is asked for when a change before another one was not told', async () => {
    const s = await open(4)
    s.scene.emit('message_updated', message('room', 0, { rev: 5 }))
    s.scene.summaries[0] = group('room', 1, { lastSeq: 1, lastMessage: message('room', 1, { rev: 6, content: 'untold' }) })
    s.scene.emit('message_updated', message('room', 0, { rev: 7 }))
    s.scene.emit('message_deleted', { messageId: 'room-0', conversationId: 'room', seq: 0, rev: 8, deletedBy: 'bob' })
    await later()
    expect(s.last().content).toBe('untold')
    expect(s.asked()).toBe(1)
  })

  it('is not asked for when changes come one after the other, again, late, or in another session', async () => {
    const s = await open(4)
    for (const rev of [5, 6, 6, 5]) s.edit(rev)
    await later()
    expect(s.asked()).toBe(0)
    s.scene.lastRev = 20
    s.scene.back()
    await later()
    s.edit(21)
    await later()
    expect(s.asked()).toBe(1) // for the session
  })

  it('is asked for in a direct conversation too', async () => {
    const s = await open()
    const told = (id: string, rev: number) => s.scene.emit('message_updated', { ...message('x', 1, { id, rev }), conversationId: undefined, receiverId: 'ann', directId: 'dm:1' })
    told('a', 5)
    told('b', 6)
    await later()
    expect(s.asked()).toBe(0)
    told('a', 8)
    await later()
    expect(s.asked()).toBe(1)
  })
})

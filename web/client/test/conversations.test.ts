import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createConversations } from '../src/conversations.js'
import { ChatError } from '../src/error.js'
import type { Link, Outbox, OutboxChange } from '../src/internal.js'
import type { ConversationSummary, Message } from '../src/protocol.js'

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
        await Promise.resolve()
        scene.open--
        return { status: 'ok', lastSeq: scene.lastSeq }
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
  return { ...scene, scene, list: createConversations(link, outbox) }
}

function message(conversationId: string, seq: number, more: Partial<Message> = {}): Message {
  return { id: `${conversationId}-${seq}`, conversationId, seq, senderId: 'bob', senderName: 'Bob', content: `${seq}`, type: 'text', createdAt: at(1000 + seq), ...more }
}

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

import { vi } from 'vitest'
import type { Conversation } from '../src/api.js'
import { createConversation } from '../src/conversation.js'
import { ChatError } from '../src/error.js'
import type { Link, Outbox, OutboxChange } from '../src/internal.js'
import type { Address, ErrorCode, JoinReply, MemberRecord, Message, MessageDeletedEvent } from '../src/protocol.js'

/** A conversation as the server keeps it, and a connection to it that a test steers. */
export function createRoom(target: Address = { conversationId: 'room' }, userId = 'ann') {
  const stored: Message[] = []
  const listeners = new Map<string, Set<(data: any) => void>>()
  const ups = new Set<(recovered: boolean) => void>()
  const downs = new Set<() => void>()
  const changes = new Set<(change: OutboxChange) => void>()
  const room = {
    stored,
    rev: 0,
    readSeq: 0,
    /** What a join says, when that is more than there is. */
    lastSeq: 0,
    up: true,
    requests: [] as [string, any][],
    reported: [] as string[],
    members: [] as MemberRecord[],
    refuse: {} as Record<string, { code: ErrorCode; retryable: boolean } | undefined>,
    /** How many messages and changes a join brings. */
    most: 200,
    /** Answers wait for this. */
    gate: Promise.resolve(),
    write(content: string, senderId = 'bob', more: Partial<Message> = {}): Message {
      const seq = stored.length + 1
      const message: Message = {
        id: `m${seq}`, conversationId: 'room', seq, senderId, senderName: senderId.toUpperCase(), content, type: 'text',
        createdAt: new Date(1e12 + seq).toISOString(), ...more,
      }
      stored.push(message)
      return message
    },
    fill(n: number) {
      for (let i = 0; i < n; i++) room.write(`${stored.length + 1}`)
    },
    /** An edit, and the event that is to tell of it. */
    edit(seq: number, content: string): Message {
      return (stored[seq - 1] = { ...stored[seq - 1]!, content, rev: ++room.rev })
    },
    /** A deletion, and the event that is to tell of it. */
    remove(seq: number): MessageDeletedEvent {
      const at = stored[seq - 1]!
      stored[seq - 1] = { ...at, content: '', rev: ++room.rev, deletedAt: at.createdAt, deletedBy: at.senderId }
      return { messageId: at.id, conversationId: 'room', seq, rev: room.rev, deletedBy: at.senderId }
    },
    listen(event: string, listener: (data: any) => void) {
      if (!listeners.has(event)) listeners.set(event, new Set())
      listeners.get(event)!.add(listener)
    },
    emit: (event: string, data: unknown) => [...(listeners.get(event) ?? [])].forEach((listener) => listener(data)),
    say: (content: string, senderId?: string) => room.emit('new_message', room.write(content, senderId)),
    drop() {
      room.up = false
      downs.forEach((listener) => listener())
    },
    back(recovered = false) {
      room.up = true
      ups.forEach((listener) => listener(recovered))
    },
    outbox: (change: OutboxChange) => changes.forEach((listener) => listener(change)),
    entries: [] as OutboxChange['entry'][],
    asked: (event: string) => room.requests.filter(([name]) => name === event).map(([, payload]) => payload),
    conversation: undefined as unknown as Conversation,
  }
  const answer = (event: string, p: any): unknown => {
    if (event === 'join_conversation') {
      const missed = p.afterSeq === undefined ? [] : stored.filter((m) => m.seq > p.afterSeq)
      const changed = p.afterRev === undefined ? [] : stored.filter((m) => (m.rev ?? 0) > p.afterRev).sort((a, b) => a.rev! - b.rev!)
      const reply: JoinReply = {
        status: 'ok', conversationId: 'room', lastSeq: Math.max(stored.length, room.lastSeq), lastRev: room.rev, readSeq: room.readSeq,
        unread: stored.filter((m) => m.senderId !== userId && m.seq > room.readSeq).length,
        missed: missed.slice(0, room.most), changed: changed.slice(0, room.most), hasMore: missed.length > room.most || changed.length > room.most,
      }
      return reply
    }
    if (event === 'get_history') {
      const limit = p.limit ?? 50
      const found = stored.filter((m) => m.seq > (p.afterSeq ?? 0) && m.seq < (p.beforeSeq ?? Infinity))
      const page = p.afterSeq === undefined ? found.slice(-limit) : found.slice(0, limit)
      return { messages: structuredClone(page), hasMore: found.length > page.length }
    }
    if (event === 'edit_message') return { status: 'ok', message: room.edit(stored.findIndex((m) => m.id === p.messageId) + 1, p.content) }
    if (event === 'get_members') return { status: 'ok', members: room.members }
    return { status: 'ok' }
  }
  const link = {
    userId,
    username: userId,
    get up() {
      return room.up
    },
    async request(event: string, payload: unknown) {
      room.requests.push([event, payload])
      const refusal = room.refuse[event]
      const reply = refusal ? undefined : answer(event, payload) // as it stands when the server takes it
      await room.gate
      if (refusal) throw new ChatError({ message: refusal.code, ...refusal })
      return reply
    },
    tell: (event: string, payload: unknown) => room.requests.push([event, payload]),
    on(event: string, listener: any) {
      if (!listeners.has(event)) listeners.set(event, new Set())
      listeners.get(event)!.add(listener)
      return () => listeners.get(event)!.delete(listener)
    },
    replay: (event: string, data: unknown) => room.emit(event, data),
    onUp: (listener: any) => (ups.add(listener), room.up && listener(false), () => ups.delete(listener)),
    onDown: (listener: any) => (downs.add(listener), () => downs.delete(listener)),
    report: (err: ChatError) => room.reported.push(err.code),
  } as unknown as Link
  const outbox = {
    entries: () => room.entries,
    subscribe: (listener: any) => (changes.add(listener), () => changes.delete(listener)),
    add: (address: Address, draft: any) => {
      const entry = { tempId: `t${room.entries.length + 1}`, address, draft, createdAt: new Date().toISOString(), state: 'pending' as const }
      room.entries = [...room.entries, entry]
      room.outbox({ type: 'added', entry })
      return entry
    },
  } as unknown as Outbox
  room.conversation = createConversation(link, outbox, target)
  return room
}

export const flush = () => vi.advanceTimersByTimeAsync(0)
export const seqs = (c: Conversation) => c.get().messages.map((m) => m.seq)
export const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

import type { ChatMessage } from './api.js'
import type { OutboxEntry } from './internal.js'

/** What an outbox entry and the message that it becomes have in common. */
export function written({ draft, address, tempId }: OutboxEntry, me: string, name: string) {
  return { type: 'text', ...draft, ...address, tempId, key: tempId, senderId: me, senderName: name, own: true }
}

/** What an outbox entry looks like before its ack. */
export function waiting(entry: OutboxEntry, me: string, name: string): ChatMessage {
  return { ...written(entry, me, name), id: entry.tempId, seq: 0, createdAt: entry.createdAt, state: entry.state, error: entry.error }
}

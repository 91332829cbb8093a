/**
 * The messages of a conversation as one list: what is stored by `seq`, what
 * is on its way behind it. Pure functions; conversation.ts decides when.
 */
import type { ChatMessage } from './api.js'
import { written } from './entry.js'
import type { OutboxEntry } from './internal.js'
import type { Message, MessageDeletedEvent, MessageSent } from './protocol.js'

/** A stored message for the screen of `me`. Own messages keep their tempId as key, so that a list keeps its element. */
export function stored(message: Message, me: string): ChatMessage {
  const own = message.senderId === me
  return { ...message, key: own && message.tempId != null ? String(message.tempId) : message.id, state: 'sent', own }
}

/** The message that an ack speaks of: the sending connection of a direct message gets no other. */
export function acked(entry: OutboxEntry, ack: MessageSent, me: string, name: string): ChatMessage {
  const { messageId: id, seq, createdAt, conversationId, directId } = ack
  return { ...written(entry, me, name), id, seq, createdAt, ...(directId ? { directId } : { conversationId }), state: 'sent' }
}

/** The newer of two versions of one message, under the key that the first one had. What was deleted stays so: its rev may not be known yet. */
export function newer(held: ChatMessage, other: ChatMessage): ChatMessage {
  if ((other.rev ?? 0) < (held.rev ?? 0) || (held.deletedAt && !other.deletedAt)) return held
  return held.key === other.key ? other : { ...other, key: held.key }
}

/** What a deletion leaves of a message. The event has no time of its own. */
export function tombstone(message: ChatMessage, { rev, deletedBy }: Pick<MessageDeletedEvent, 'deletedBy'> & { rev?: number }, at: string): ChatMessage {
  const { id, conversationId, receiverId, directId, seq, senderId, senderName, type, tempId, createdAt, editedAt, key, state, own } = message
  const rest = { id, conversationId, receiverId, directId, seq, senderId, senderName, type, tempId, createdAt, editedAt, key, state, own }
  return { ...rest, content: '', rev: rev ?? message.rev, deletedAt: message.deletedAt ?? at, deletedBy }
}

/** `held` and `more`, ascending by seq, each once. `held` is left as it is. */
export function merge(held: readonly ChatMessage[], more: readonly ChatMessage[]): ChatMessage[] {
  const bySeq = new Map<number, ChatMessage>()
  for (const message of [...held, ...more]) {
    const known = bySeq.get(message.seq)
    bySeq.set(message.seq, known ? newer(known, message) : message)
  }
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq)
}

/**
 * The list of a screen: what is stored, own messages whose ack came before
 * those in front of them (`early`), and the outbox. An entry whose message is
 * stored already, by another tab or before its ack was lost, is not shown
 * twice; one whose tempId stands for another message stays visible.
 */
export function shown(held: readonly ChatMessage[], early: Iterable<ChatMessage>, outbox: readonly ChatMessage[]): ChatMessage[] {
  const list = [...held, ...[...early].filter((m) => m.own).sort((a, b) => a.seq - b.seq)]
  if (!outbox.length) return list
  const keys = new Set(list.map((m) => (m.own ? m.key : '')))
  for (const entry of outbox) {
    if (!keys.has(entry.key)) list.push(entry)
    else if (entry.error?.code === 'conflict') list.push({ ...entry, key: entry.key + '!' })
  }
  return list
}

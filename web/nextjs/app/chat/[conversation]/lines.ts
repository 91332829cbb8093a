import type { ChatMessage, WireError } from '@corrillo/client/react'
import type { StoredMessage } from '@/lib/history'

/** A message as this screen shows it. */
export interface Line {
  key: string
  senderName: string
  content: string
  system: boolean
  own: boolean
  /** ISO 8601 in UTC. */
  createdAt: string
  state: 'sending' | 'failed' | 'sent' | 'read'
  error?: WireError
}

/**
 * The messages that came with the page, and the live ones behind them. A
 * message in both is shown once, as the live one has it, and a deleted one not
 * at all. Live messages begin with the newest page of history, so whatever is
 * in `history` alone is older.
 */
export function lines(history: StoredMessage[], live: readonly ChatMessage[], me: string, readByOthers: number): Line[] {
  const known = new Set(live.map((message) => message.id))
  return [
    ...history.filter((message) => !known.has(message.id)).map((message) => fromHistory(message, me)),
    ...live.filter((message) => !message.deletedAt).map((message) => fromLive(message, readByOthers)),
  ]
}

function fromHistory({ id, tempId, senderId, senderName, content, type, isRead, createdAt }: StoredMessage, me: string): Line {
  const own = senderId === me
  // The hook's choice of key as well: the line keeps its element when it becomes a live one.
  const key = own && tempId !== null ? tempId : id
  return { key, senderName, content, system: type === 'system', own, createdAt, state: isRead ? 'read' : 'sent' }
}

function fromLive({ key, senderName, content, type, own, createdAt, state, seq, error }: ChatMessage, readByOthers: number): Line {
  const told = state === 'pending' ? 'sending' : state === 'sent' && seq <= readByOthers ? 'read' : state
  return { key, senderName, content, system: type === 'system', own, createdAt, state: told, error }
}

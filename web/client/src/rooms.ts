import type { Link } from './internal.js'
import type { Address } from './protocol.js'

/** A conversation that somebody here wants to hear. */
interface Held {
  holders: number
  /** What was there when it was joined, up to this seq, is told by no event. */
  untold: number
  /** Own messages that an event will bring, unless they turn out to be of those. */
  waiting: { seq: number; tell: () => void }[]
}

/** Own messages without an event that are waited for; the oldest of more is told. */
const waitingLimit = 100

const held = new WeakMap<Link, Map<string, Held>>()

/** One string for each conversation. */
export const keyOf = ({ conversationId, receiverId }: Address): string => (conversationId !== undefined ? `c${conversationId}` : `u${receiverId}`)

const find = (link: Link, address: Address) => held.get(link)?.get(keyOf(address))

/**
 * The connection hears a conversation as long as somebody here wants it: a
 * screen that shows it, the list that counts it. Joining is the caller's own,
 * each after its own manner; leaving is told when the last one goes.
 */
export function hold(link: Link, address: Address): () => void {
  let rooms = held.get(link)
  if (!rooms) held.set(link, (rooms = new Map()))
  const key = keyOf(address)
  const room = rooms.get(key) ?? { holders: 0, untold: -1, waiting: [] }
  rooms.set(key, room)
  room.holders++
  return () => {
    if (--room.holders > 0) return
    rooms.delete(key)
    room.waiting.forEach(({ tell }) => tell())
    link.tell('leave_conversation', address)
  }
}

/** A join gave no message up to `seq`: nothing will tell them any more. Infinity when it was refused. */
export function passOver(link: Link, address: Address, seq: number) {
  const room = find(link, address)
  if (!room) return
  room.untold = Math.max(room.untold, seq)
  const now = room.waiting
  room.waiting = now.filter((own) => own.seq > seq)
  now.forEach((own) => own.seq <= seq && own.tell())
}

/**
 * Calls `tell` when no event will bring this message, at once when that is
 * known already. It must do nothing when an event has brought it. Reports false
 * when nobody holds the conversation.
 */
export function unlessTold(link: Link, address: Address, seq: number, tell: () => void): boolean {
  const room = find(link, address)
  if (!room) return false
  if (seq <= room.untold) tell()
  else if (room.waiting.push({ seq, tell }) > waitingLimit) room.waiting.shift()!.tell()
  return true
}

import type { Address } from './protocol.js'

interface Addressed {
  conversationId?: string
  receiverId?: string
  directId?: string
}

/** Tells which events, acks and outbox entries are about one conversation. */
export interface Addressing {
  /** `actor` wrote, read or typed it: in a direct conversation the other person is the one of the two who is not me. */
  owns(event: Addressed, actor?: string): boolean
  /** The same for what this user addressed. */
  addressed(to: Address): boolean
  /** A direct conversation has two names; the server tells the second one. */
  learn(directId: string | undefined): void
}

/** A direct conversation given by its `dm:` id and one given by the person find the same events. */
export function createAddressing(target: Address, me: string): Addressing {
  let id = target.conversationId
  let peer = target.receiverId
  return {
    owns(event, actor) {
      const direct = event.conversationId === undefined
      const other = direct && actor !== undefined ? (actor === me ? event.receiverId : actor) : undefined
      const found = id === undefined ? other !== undefined && other === peer : (event.conversationId ?? event.directId) === id
      if (found && direct) {
        id ??= event.directId
        peer ??= other
      }
      return found
    },
    addressed: (to) => (to.conversationId === undefined ? to.receiverId === peer : to.conversationId === id),
    learn(directId) {
      id ??= directId
    },
  }
}

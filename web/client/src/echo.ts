import { shielded } from './error.js'
import type { Link, Outbox, OutboxEntry } from './internal.js'
import { wireId } from './outbox.js'
import type { Message, MessageSent } from './protocol.js'
import { unlessTold } from './rooms.js'

/** Own messages whose ids are remembered. */
const remembered = 2_000

/** What listeners of `new_message` hear. */
export interface Echo {
  on(listener: (message: Message) => void): () => void
  /** This tab has sent it: in a group it is heard here, whether that is joined or not; a direct one is not, whoever tells it. */
  sent(tempId: string): void
}

const remember = (set: Set<string>, id: string) => {
  if (set.add(id).size > remembered) set.delete(set.values().next().value!)
}

/**
 * Own messages of groups are heard once each. The server tells them to
 * connections that have joined; one that was written before the join, sent from
 * the outbox after a reload for example, would be acked and never heard, and an
 * ack has no content. Direct ones are not heard where they were written.
 */
export function createEcho(link: Link, outbox: Outbox): Echo {
  const listeners = new Set<(message: Message) => void>()
  const told = new Set<string>()
  const here = new Set<string>() // tempIds

  function tell(message: Message) {
    if (message.senderId === link.userId) {
      const direct = message.conversationId === undefined
      if (direct ? here.has(String(message.tempId)) : told.has(message.id)) return
      if (!direct) remember(told, message.id)
    }
    listeners.forEach((listener) => shielded(listener, message))
  }
  link.on('new_message', tell)

  function onAck(entry: OutboxEntry, ack: MessageSent) {
    const { messageId: id, seq, createdAt } = ack
    const echo = () =>
      tell({ type: 'text', ...entry.draft, ...entry.address, tempId: wireId(entry), id, seq, createdAt, senderId: link.userId, senderName: link.username })
    if (!unlessTold(link, entry.address, seq, echo) && here.has(entry.tempId)) echo()
  }
  outbox.subscribe((change) => {
    if (change.type === 'acked' && change.ack.directId === undefined) onAck(change.entry, change.ack)
  })

  return {
    on(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    sent: (tempId) => remember(here, tempId),
  }
}

import type { Conversation, ConversationState } from './api.js'
import { noConversation } from './blank.js'
import type { createConversation } from './conversation.js'
import { waiting } from './entry.js'
import type { Link, Outbox } from './internal.js'
import { createLazy } from './lazy.js'
import type { Address } from './protocol.js'
import { keyOf } from './rooms.js'

let create: typeof createConversation | undefined
let loading: Promise<unknown> | undefined

/** Loads the code of conversations, once. */
export const loadRooms = () =>
  (loading ??= import('./conversation.js').then(
    (module) => void (create = module.createConversation),
    (err) => {
      loading = undefined
      throw err
    },
  ))

/**
 * A conversation. Its code comes while the connection is being made, so that
 * nobody waits for it; until then what this user sends is kept and shown, and
 * the rest follows.
 */
export function createRoom(link: Link, outbox: Outbox, target: Address): Conversation {
  if (create) return create(link, outbox, target)
  const key = keyOf(target)
  const lazy = createLazy<ConversationState, Conversation>(
    async () => (await loadRooms(), create!(link, outbox, target)),
    (begun, error) => ({
      ...noConversation,
      target,
      status: begun ? 'joining' : 'idle',
      messages: outbox.entries().flatMap((entry) => (keyOf(entry.address) === key ? waiting(entry, link.userId, link.username) : [])),
      ...(error && { error }),
    }),
  )
  outbox.subscribe(lazy.changed)
  const later = (use: (conversation: Conversation) => void) => void lazy.load().then(use, link.report)
  return {
    get: lazy.get,
    subscribe: lazy.subscribe,
    send(message) {
      later((c) => c.sendTyping(false))
      return outbox.add(target, typeof message === 'string' ? { content: message } : message).tempId
    },
    retry: (tempId) => outbox.retry(tempId),
    discard: (tempId) => outbox.discard(tempId),
    loadOlder: (limit) => lazy.load().then((c) => c.loadOlder(limit)),
    markRead: (seq) => later((c) => c.markRead(seq)),
    sendTyping: (isTyping) => later((c) => c.sendTyping(isTyping)),
    edit: (messageId, content) => lazy.load().then((c) => c.edit(messageId, content)),
    remove: (messageId) => lazy.load().then((c) => c.remove(messageId)),
  }
}

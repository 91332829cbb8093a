import type { Conversations, ConversationsState } from './api.js'
import { noList } from './blank.js'
import type { Link, Outbox } from './internal.js'
import { createLazy } from './lazy.js'

/** The list of conversations: a page with one conversation never loads its code. */
export function createList(link: Link, outbox: Outbox): Conversations {
  const lazy = createLazy<ConversationsState, Conversations>(
    async () => (await import('./conversations.js')).createConversations(link, outbox),
    (begun, error) => ({ ...noList, status: begun ? 'loading' : 'idle', ...(error && { error }) }),
  )
  return {
    get: lazy.get,
    subscribe: lazy.subscribe,
    loadMore: () => lazy.load().then((list) => list.loadMore()),
    refresh: () => lazy.load().then((list) => list.refresh()),
  }
}

import type { ConversationsState, ConversationState, Status } from './api.js'

const nothing: readonly never[] = []

/** What is known of a chat that there is not. */
export const noStatus: Status = { state: 'idle', attempt: 0, storage: 'opening', pending: 0, failed: 0 }

/** What is known of a conversation before anything is. */
export const noConversation: ConversationState = {
  target: { conversationId: '' },
  status: 'idle',
  messages: nothing,
  hasOlder: false,
  loadingOlder: false,
  typing: nothing,
  members: nothing,
  readSeq: 0,
  unread: 0,
  readByOthers: 0,
}

/** What is known of the list before it was asked for. */
export const noList: ConversationsState = { status: 'idle', items: nothing, unread: 0, hasMore: false }

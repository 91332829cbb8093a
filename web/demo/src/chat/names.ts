import type { Address, ConversationItem } from '@corrillo/client/react'

/** One string for each conversation. */
export const keyOf = (target: Address): string =>
  target.conversationId !== undefined ? `c${target.conversationId}` : `u${target.receiverId}`

/** What a conversation is called here. */
export const titleOf = (target: Address): string => target.conversationId ?? target.receiverId ?? ''

/** The other person's shown name in a direct conversation, where a message has told it. */
export function nameOf(item: ConversationItem): string {
  const last = item.lastMessage
  if (item.target.receiverId !== undefined && last && !last.own) return last.senderName
  return titleOf(item.target)
}

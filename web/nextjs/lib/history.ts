import 'server-only'
import type { Place } from './places'
import { database } from './prisma'

/** As many as the hook reads at first: the live messages cover these. */
const PAGE = 50

/** A message as the server gives it to the page. */
export interface StoredMessage {
  id: string
  tempId: string | null
  senderId: string
  senderName: string
  content: string
  type: string
  /** The other person has read it. Of direct messages alone: one column cannot hold many readers. */
  isRead: boolean
  /** ISO 8601 in UTC. */
  createdAt: string
}

/** The last messages of a place, oldest first, from the app's own table. */
export async function readHistory(userId: string, target: Place['target']): Promise<StoredMessage[]> {
  const between = (senderId: string, receiverId: string) => ({ conversationId: null, senderId, receiverId })
  const rows = await database().directMessage.findMany({
    where: {
      deletedAt: null,
      ...('receiverId' in target
        ? { OR: [between(userId, target.receiverId), between(target.receiverId, userId)] }
        : { conversationId: target.conversationId }),
    },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: PAGE,
    include: { sender: { select: { name: true } } },
  })
  return rows.reverse().map(({ id, tempId, senderId, sender, content, type, isRead, createdAt }) => ({
    id,
    tempId,
    senderId,
    senderName: sender.name,
    content,
    type,
    isRead,
    createdAt: createdAt.toISOString(),
  }))
}

import { webhook } from '@/lib/corrillo'
import { database } from '@/lib/prisma'
import { foreign, sameOrigin } from '@/lib/same-origin'
import { currentUser } from '@/lib/session'

/**
 * Posts a notice of the system to a conversation of the signed-in user:
 * {conversationId, content}. Corrillo saves it, in its own table and in
 * DirectMessage, and tells everybody who is there.
 */
export async function POST(request: Request) {
  if (!sameOrigin(request)) return foreign()
  const user = await currentUser()
  if (!user) return failure(401, 'sign in first')

  const { conversationId, content } = await request.json().catch(() => ({}))
  if (typeof conversationId !== 'string' || typeof content !== 'string' || !content.trim()) {
    return failure(400, 'conversationId and content are needed')
  }
  const participant = await database().conversationParticipant.findUnique({
    where: { conversationId_userId: { conversationId, userId: user.id } },
  })
  if (!participant) return failure(403, 'not a participant of this conversation')

  try {
    await webhook('new-message', {
      conversationId: participant.conversationId,
      senderId: 'system',
      senderName: 'Notice',
      type: 'system',
      content: content.trim().slice(0, 500),
    })
  } catch (error) {
    console.error('notice:', error)
    return failure(502, 'the chat server did not take it')
  }
  return Response.json({ status: 'ok' }, { status: 201 })
}

const failure = (status: number, error: string) => Response.json({ error }, { status })

import 'server-only'
import { cache } from 'react'
import { database } from './prisma'

/** Where a user may write: a conversation, or another person. */
export interface Place {
  /** What stands behind /chat/: the id of a conversation, or @ and that of a person. */
  slug: string
  title: string
  /** The address that Corrillo knows it by. */
  target: { conversationId: string } | { receiverId: string }
  /** Who is there, for the line below the title. */
  people: { id: string; name: string }[]
}

/** The user's conversations, then the other people, each by name. Asked once for each request. */
export const readPlaces = cache(async (userId: string): Promise<Place[]> => {
  const [conversations, people] = await Promise.all([
    database().conversation.findMany({
      where: { participants: { some: { userId } } },
      orderBy: { title: 'asc' },
      include: { participants: { include: { user: true }, orderBy: { user: { name: 'asc' } } } },
    }),
    database().user.findMany({ where: { id: { not: userId }, role: { not: 'SYSTEM' } }, orderBy: { name: 'asc' } }),
  ])
  return [
    ...conversations.map(({ id, title, participants }) => ({
      slug: id,
      title,
      target: { conversationId: id },
      people: participants.map(({ user }) => ({ id: user.id, name: user.name })),
    })),
    ...people.map(({ id, name }) => ({ slug: `@${id}`, title: name, target: { receiverId: id }, people: [{ id, name }] })),
  ]
})

import type { Metadata } from 'next'
import Link from 'next/link'
import { notFound } from 'next/navigation'
import { Time } from '@/app/time'
import { database } from '@/lib/prisma'
import { requireUser } from '@/lib/session'
import { deleteMessage } from './actions'
import styles from './moderation.module.css'

export const metadata: Metadata = { title: 'Moderation' }

/** The latest messages of all conversations, for moderators alone. It works without JavaScript. */
export default async function ModerationPage() {
  const user = await requireUser()
  if (user.role !== 'MODERATOR') notFound()
  const messages = await database().directMessage.findMany({
    where: { deletedAt: null, conversationId: { not: null } },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: 50,
    include: { sender: true, conversation: true },
  })
  return (
    <main className={styles.page}>
      <header>
        <h1>Moderation</h1>
        <Link href="/chat">Back to the chat</Link>
      </header>
      {messages.length === 0 && <p>No messages yet.</p>}
      <ul>
        {messages.map(({ id, content, createdAt, sender, conversation }) => (
          <li key={id}>
            <p className={styles.who}>
              <b>{sender.name}</b> in {conversation?.title}, <Time of={createdAt.toISOString()} />
            </p>
            <p id={`content-${id}`}>{content}</p>
            <form action={deleteMessage}>
              <input type="hidden" name="messageId" value={id} />
              <button aria-describedby={`content-${id}`}>Delete</button>
            </form>
          </li>
        ))}
      </ul>
    </main>
  )
}

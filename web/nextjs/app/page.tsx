import { redirect } from 'next/navigation'
import { database } from '@/lib/prisma'
import { currentUser } from '@/lib/session'
import styles from './entry.module.css'

/** The sign-in page: one button for each demo user. */
export default async function SignInPage() {
  if (await currentUser()) redirect('/chat')
  const users = await database().user.findMany({ where: { role: { not: 'SYSTEM' } }, orderBy: { name: 'asc' } })
  return (
    <main className={styles.entry}>
      <h1>Who are you?</h1>
      <p>
        A demo has no passwords. Open a second, private window and be somebody else there.
        {users.filter(({ role }) => role === 'MODERATOR').map(({ name }) => ` ${name} is a moderator.`)}
      </p>
      <form action="/api/session" method="post" className={styles.users}>
        {users.map(({ id, name }) => (
          <button key={id} name="user" value={id}>
            Sign in as {name}
          </button>
        ))}
      </form>
    </main>
  )
}

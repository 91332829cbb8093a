import Link from 'next/link'
import type { ReactNode } from 'react'
import { readPlaces } from '@/lib/places'
import { requireUser } from '@/lib/session'
import { setting } from '@/lib/settings'
import { Chat } from './chat'
import styles from './chat.module.css'
import { Places } from './places'

/** What stays while the user goes from place to place: the connection and the list. */
export default async function ChatLayout({ children }: { children: ReactNode }) {
  const user = await requireUser()
  const places = await readPlaces(user.id)
  return (
    <Chat url={setting('CORRILLO_PUBLIC_URL')} userId={user.id} username={user.name}>
      <div className={styles.frame}>
        <div className={styles.side}>
          <header className={styles.me}>
            <b>{user.name}</b>
            {user.role === 'MODERATOR' && <Link href="/moderation">Moderation</Link>}
            <form action="/api/session" method="post">
              <button>Sign out</button>
            </form>
          </header>
          <Places places={places} />
        </div>
        <main className={styles.main}>{children}</main>
      </div>
    </Chat>
  )
}

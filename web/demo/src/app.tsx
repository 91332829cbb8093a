import { ChatProvider } from '@corrillo/client/react'
import { useCallback, useEffect, useState } from 'react'
import { Workspace } from './chat/workspace'
import { t } from './i18n'
import { goHome } from './place'
import { fetchAuth, keep, restore, type Auth, type Session } from './session'
import { SignIn } from './sign-in'

/** The whole page: how to sign in, then the chat. */
export function App() {
  const [auth, setAuth] = useState<Auth | 'unknown'>()
  const [session, setSession] = useState<Session>()
  const [tries, setTries] = useState(0)

  useEffect(() => {
    const stop = new AbortController()
    fetchAuth(stop.signal).then(
      (found) => {
        setAuth(found)
        setSession(restore(found))
      },
      () => stop.signal.aborted || setAuth('unknown'),
    )
    return () => stop.abort()
  }, [tries])

  const enter = useCallback((next: Session | undefined) => {
    keep(next)
    setSession(next)
    if (!next) goHome()
  }, [])

  if (auth === undefined) return null
  if (auth === 'unknown') {
    return (
      <main className="plain">
        <p>{t.noSettings}</p>
        <button className="primary" onClick={() => (setAuth(undefined), setTries((n) => n + 1))}>
          {t.tryAgain}
        </button>
      </main>
    )
  }
  if (!session) return <SignIn auth={auth} onEnter={enter} />
  return (
    <ChatProvider key={session.userId} url={location.origin} userId={session.userId} username={session.username} token={session.token}>
      <Workspace session={session} onLeave={() => enter(undefined)} />
    </ChatProvider>
  )
}

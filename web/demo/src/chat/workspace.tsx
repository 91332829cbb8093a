import { useConversations } from '@corrillo/client/react'
import { useCallback, useEffect } from 'react'
import { t } from '../i18n'
import { Logo } from '../logo'
import { go, usePlace } from '../place'
import type { Session } from '../session'
import { Avatar } from './avatar'
import { Banner } from './banner'
import { ChatList } from './chat-list'
import { keyOf } from './names'
import { Room } from './room'
import { StartForms } from './start-forms'

/** The list of chats and the one that is open; on a narrow screen one of both. */
export function Workspace({ session, onLeave }: { session: Session; onLeave: () => void }) {
  const open = usePlace()
  const list = useConversations()
  const { unread } = list

  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Corrillo` : 'Corrillo'
    return () => void (document.title = 'Corrillo')
  }, [unread])

  const back = useCallback(() => go(undefined), [])
  // What is open is what the page is about: its name is the first heading.
  const Brand = open ? 'p' : 'h1'

  return (
    <div className="workspace" data-open={open ? 'room' : 'list'}>
      <header className="top">
        <Logo />
        <Brand className="brand">Corrillo</Brand>
        <span className="me">
          <Avatar name={session.username} />
          <span className="visually-hidden">{t.signedInAs}</span>
          <bdi className="me-name">{session.username}</bdi>
        </span>
        <button className="plain-button" onClick={onLeave}>
          {t.signOut}
        </button>
      </header>
      <Banner onSignIn={onLeave} />
      <main className="panes">
        <nav className="side" aria-label={t.chats}>
          <StartForms me={session.userId} onOpen={go} focus={!open} />
          <ChatList list={list} open={open} me={session.userId} />
        </nav>
        <div className="stage">
          {open ? (
            <Room key={keyOf(open)} target={open} session={session} onBack={back} />
          ) : (
            <div className="empty">
              <Logo />
              <h2>{t.noneOpen}</h2>
              <p>{t.noneOpenHint}</p>
            </div>
          )}
        </div>
      </main>
    </div>
  )
}

import { useState, type FormEvent } from 'react'
import { t } from './i18n'
import { Logo } from './logo'
import { readToken, type Auth, type Session } from './session'

/** Asks for a name, or for a token where the server wants one. */
export function SignIn({ auth, onEnter }: { auth: Auth; onEnter: (session: Session) => void }) {
  const [value, setValue] = useState('')
  const [problem, setProblem] = useState('')
  const trusted = auth === 'trust'

  function submit(event: FormEvent) {
    event.preventDefault()
    const given = value.trim()
    if (!given) return
    const session = trusted ? { userId: given, username: given } : readToken(given)
    if (session) onEnter(session)
    else setProblem(t.badToken)
  }

  return (
    <main className="sign-in">
      <form className="sign-in-card" onSubmit={submit}>
        <Logo />
        <h1>Corrillo</h1>
        <p className="tagline">{t.tagline}</p>
        <div className="field">
          <label htmlFor="who">{trusted ? t.yourName : t.token}</label>
          <input
            id="who"
            value={value}
            onChange={(event) => (setValue(event.target.value), setProblem(''))}
            autoComplete={trusted ? 'nickname' : 'off'}
            maxLength={trusted ? 60 : undefined}
            aria-describedby="who-hint"
            aria-invalid={problem ? true : undefined}
            spellCheck={false}
            required
            autoFocus
          />
        </div>
        <p id="who-hint" className={problem ? 'hint problem' : 'hint'} role={problem ? 'alert' : undefined}>
          {problem || (trusted ? t.nameHint : t.tokenHint)}
        </p>
        <button className="primary" type="submit">
          {t.enter}
        </button>
      </form>
    </main>
  )
}

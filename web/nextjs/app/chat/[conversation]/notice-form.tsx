'use client'

import { useState } from 'react'
import styles from '../chat.module.css'

/** Asks the app's back end to post a notice. It comes back over the socket, as it does to everybody. */
export function NoticeForm({ conversationId }: { conversationId: string }) {
  const [content, setContent] = useState('')
  const [error, setError] = useState<string>()

  async function post() {
    setError(undefined)
    const response = await fetch('/api/notice', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ conversationId, content }),
    }).catch(() => undefined)
    if (response?.ok) setContent('')
    else setError(response ? (await response.json()).error : 'The app does not answer.')
  }

  return (
    <form
      className={styles.noticeForm}
      onSubmit={(event) => {
        event.preventDefault()
        if (content.trim()) void post()
      }}
    >
      <label htmlFor="notice" className={styles.hidden}>
        Notice
      </label>
      <input id="notice" value={content} placeholder="Notice to everybody" maxLength={500} autoComplete="off" onChange={(event) => setContent(event.target.value)} />
      <button>Send notice</button>
      {error && <small role="alert">{error}</small>}
    </form>
  )
}

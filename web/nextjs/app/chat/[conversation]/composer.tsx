'use client'

import { useState } from 'react'
import styles from '../chat.module.css'

/** Where a message is written. Sending never waits: the hook shows the message at once and keeps it until it is stored. */
export function Composer({ onSend, onTyping }: { onSend: (content: string) => void; onTyping: () => void }) {
  const [content, setContent] = useState('')
  return (
    <form
      className={styles.composer}
      onSubmit={(event) => {
        event.preventDefault()
        if (!content.trim()) return
        onSend(content.trim())
        setContent('')
      }}
    >
      <label htmlFor="message" className={styles.hidden}>
        Message
      </label>
      <input
        id="message"
        value={content}
        placeholder="Write a message"
        autoComplete="off"
        onChange={(event) => {
          setContent(event.target.value)
          onTyping()
        }}
      />
      <button className={styles.primary}>Send</button>
      <noscript>Reading works without JavaScript, writing needs it.</noscript>
    </form>
  )
}

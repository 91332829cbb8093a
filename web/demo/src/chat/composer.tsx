import type { Address } from '@corrillo/client/react'
import { useEffect, useLayoutEffect, useRef, useState, type FormEvent } from 'react'
import { fill, t } from '../i18n'
import { keepDraft, readDraft } from './drafts'
import { keyOf } from './names'

/** Characters of one message; the server takes more bytes than four for each. */
const LIMIT = 20_000

interface Props {
  target: Address
  /** Drafts are this user's. */
  me: string
  title: string
  onSend: (content: string) => void
  onTyping: (isTyping?: boolean) => void
}

/** Where messages are written. Enter sends, Shift and Enter begins a line. */
export function Composer({ target, me, title, onSend, onTyping }: Props) {
  const key = keyOf(target)
  const [value, setValue] = useState(() => readDraft(me, key))
  const field = useRef<HTMLTextAreaElement>(null)
  const over = value.length - LIMIT

  useEffect(() => field.current?.focus(), [])
  useLayoutEffect(() => {
    const element = field.current!
    element.style.height = 'auto'
    element.style.height = `${element.scrollHeight}px`
  }, [value])

  function change(text: string) {
    setValue(text)
    keepDraft(me, key, text)
    onTyping(text !== '')
  }

  function submit(event?: FormEvent) {
    event?.preventDefault()
    if (!value.trim() || over > 0) return
    onSend(value.trim())
    keepDraft(me, key, '')
    setValue('')
    field.current?.focus()
  }

  return (
    <form className="composer" onSubmit={submit}>
      <label className="visually-hidden" htmlFor="message">
        {t.message}
      </label>
      <textarea
        id="message"
        ref={field}
        rows={1}
        dir="auto"
        value={value}
        placeholder={fill(target.receiverId !== undefined ? t.writeToThem : t.writeIn, { name: title })}
        aria-describedby={over > 0 ? 'too-long' : undefined}
        onChange={(event) => change(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault()
            submit()
          }
        }}
      />
      <button className="primary send" type="submit" disabled={over > 0}>
        {t.send}
      </button>
      {over > 0 && (
        <p id="too-long" className="problem" role="alert">
          {fill(t.tooLong, { n: over })}
        </p>
      )}
    </form>
  )
}

import type { Address } from '@corrillo/client/react'
import { useEffect, useRef, useState, type FormEvent } from 'react'
import { t } from '../i18n'

/** Opens a conversation by its name, or one with a person. */
export function StartForms({ me, onOpen, focus }: { me: string; onOpen: (target: Address) => void; focus: boolean }) {
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (focus && matchMedia('(min-width: 45rem)').matches) field.current?.focus()
    // Only when the page has just been entered.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [])
  return (
    <div className="start">
      <Ask id="conversation" label={t.conversation} action={t.join} field={field} onGiven={(id) => onOpen({ conversationId: id })} />
      <Ask id="person" label={t.person} action={t.write} onGiven={(id) => id !== me && onOpen({ receiverId: id })} />
    </div>
  )
}

interface AskProps {
  id: string
  label: string
  action: string
  field?: React.Ref<HTMLInputElement>
  onGiven: (value: string) => void
}

function Ask({ id, label, action, field, onGiven }: AskProps) {
  const [value, setValue] = useState('')
  function submit(event: FormEvent) {
    event.preventDefault()
    const given = value.trim()
    if (!given) return
    setValue('')
    onGiven(given)
  }
  return (
    <form className="ask" onSubmit={submit}>
      <label htmlFor={id}>{label}</label>
      <input id={id} ref={field} value={value} onChange={(e) => setValue(e.target.value)} maxLength={120} autoComplete="off" spellCheck={false} />
      <button type="submit">{action}</button>
    </form>
  )
}

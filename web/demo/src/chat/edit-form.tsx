import { useEffect, useRef, useState } from 'react'
import { t } from '../i18n'

interface Props {
  content: string
  /** It is being saved. */
  busy: boolean
  onSave: (content: string) => void
  onCancel: () => void
}

/** A message's text in the place of its bubble. Enter saves, Escape leaves it as it was. */
export function EditForm({ content, busy, onSave, onCancel }: Props) {
  const [value, setValue] = useState(content)
  const field = useRef<HTMLTextAreaElement>(null)
  useEffect(() => {
    field.current?.focus()
    field.current?.setSelectionRange(content.length, content.length)
  }, [content.length])
  const save = () => {
    if (busy) return
    const text = value.trim()
    if (text && text !== content) onSave(text)
    else onCancel()
  }
  return (
    <form
      className="edit"
      aria-busy={busy}
      onSubmit={(event) => {
        event.preventDefault()
        save()
      }}
    >
      <textarea
        ref={field}
        aria-label={t.editText}
        value={value}
        dir="auto"
        rows={2}
        readOnly={busy}
        onChange={(event) => setValue(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onCancel()
          if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault()
            save()
          }
        }}
      />
      <span className="edit-buttons">
        <button type="submit" aria-disabled={busy}>
          {t.save}
        </button>
        <button type="button" onClick={onCancel}>
          {t.cancel}
        </button>
      </span>
    </form>
  )
}

import { useEffect, useId, useRef, useState } from 'react'
import { t } from '../i18n'

interface Props {
  /** The Tab key stops here. */
  entry: boolean
  /** Absent for another's message. */
  onEdit?: () => void
  onDelete: () => void
}

/** What may be done with a message: a menu, and a question before it is deleted. */
export function Actions({ entry, onEdit, onDelete }: Props) {
  const [open, setOpen] = useState<'menu' | 'question'>()
  const id = useId()
  const frame = useRef<HTMLSpanElement>(null)
  const button = useRef<HTMLButtonElement>(null)

  useEffect(() => {
    if (!open) return
    frame.current?.querySelector<HTMLButtonElement>('.menu button')?.focus()
    const close = (event: Event) => {
      if (event instanceof KeyboardEvent ? event.key === 'Escape' : !frame.current?.contains(event.target as Node)) {
        setOpen(undefined)
        if (event instanceof KeyboardEvent) button.current?.focus()
      }
    }
    document.addEventListener('keydown', close)
    document.addEventListener('pointerdown', close)
    return () => {
      document.removeEventListener('keydown', close)
      document.removeEventListener('pointerdown', close)
    }
  }, [open])

  const shut = () => {
    setOpen(undefined)
    button.current?.focus()
  }

  return (
    <span
      className="actions"
      ref={frame}
      onBlur={(event) => {
        if (event.relatedTarget && !event.currentTarget.contains(event.relatedTarget)) setOpen(undefined)
      }}
    >
      <button
        ref={button}
        className="dots"
        tabIndex={entry || open ? 0 : -1}
        aria-label={t.actions}
        aria-expanded={open !== undefined}
        aria-controls={open && id}
        onClick={() => setOpen(open ? undefined : 'menu')}
      >
        <svg viewBox="0 0 20 12" aria-hidden="true">
          <circle cx="4" cy="6" r="1.6" />
          <circle cx="10" cy="6" r="1.6" />
          <circle cx="16" cy="6" r="1.6" />
        </svg>
      </button>
      {open && (
        <span className="menu" id={id}>
          {open === 'menu' ? (
            <>
              {onEdit && <button onClick={() => (setOpen(undefined), onEdit())}>{t.edit}</button>}
              <button onClick={() => setOpen('question')}>{t.remove}</button>
            </>
          ) : (
            <>
              <span className="question">{t.removeQuestion}</span>
              <button className="danger" onClick={() => (shut(), onDelete())}>
                {t.remove}
              </button>
              <button onClick={shut}>{t.cancel}</button>
            </>
          )}
        </span>
      )}
    </span>
  )
}

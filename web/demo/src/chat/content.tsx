import type { ChatMessage } from '@corrillo/client/react'
import { memo, useState } from 'react'
import { fill, t } from '../i18n'
import { RichText } from './rich-text'

/** Longer messages are folded. */
const LONG = 2_000

/** One to three pictures and nothing else. */
const PICTURES = /^(?:\p{Extended_Pictographic}(?:\uFE0F|\p{Emoji_Modifier}|\u200D\p{Extended_Pictographic})*\s*){1,3}$/u

/** The text of a message, its tombstone, or a word for what cannot be shown here. */
export const Content = memo(function Content({ message }: { message: ChatMessage }) {
  const [whole, setWhole] = useState(false)
  const { content } = message
  if (message.deletedAt) return <p className="tombstone">{message.deletedBy === message.senderId ? t.deleted : t.deletedByOther}</p>
  if (!content) return <p className="tombstone">{fill(t.unshown, { type: message.type })}</p>
  const long = content.length > LONG
  return (
    <>
      <p className={PICTURES.test(content) ? 'text pictures' : 'text'} dir="auto">
        <RichText text={whole || !long ? content : beginning(content)} />
      </p>
      {long && (
        <button className="fold" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? t.showLess : t.showAll}
        </button>
      )}
    </>
  )
})

/** The first part of a text, never half a character. */
function beginning(text: string): string {
  return `${text.slice(0, LONG).replace(/[\uD800-\uDBFF]$/, '')}…`
}

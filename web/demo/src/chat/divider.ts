import { useState } from 'react'
import type { UseConversation } from '@corrillo/client/react'

/**
 * The read mark under which the line "new" stands; 0 for no line. It is drawn
 * for what was unread when the conversation was opened, and for what came
 * while nobody looked. An answer takes it away.
 */
export function useDivider({ status, readSeq, unread, messages }: UseConversation, looking: boolean): number {
  const [mark, setMark] = useState<number>()
  const [hadUnread, setHadUnread] = useState(false)
  const answered = unread === 0 && messages.at(-1)?.own === true
  if (mark === undefined) {
    if (status === 'joined') {
      setMark(unread > 0 ? readSeq : 0)
      setHadUnread(unread > 0)
    }
  } else if (hadUnread !== unread > 0) {
    setHadUnread(unread > 0)
    if (unread > 0 && !looking) setMark(readSeq)
  } else if (mark > 0 && answered) {
    setMark(0)
  }
  return mark ?? 0
}

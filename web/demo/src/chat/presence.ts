import { useChat, useStatus, type ConversationItem } from '@corrillo/client/react'
import { useEffect, useState } from 'react'

/** Milliseconds between two questions. Who shares an open group is told of at once, too. */
const EVERY = 30_000
/** People that one question may name. */
const MOST = 200

/** Which of the people in the list's direct conversations are online. */
export function useOnline(items: readonly ConversationItem[]): ReadonlySet<string> {
  const chat = useChat()
  const connected = useStatus().state === 'connected'
  const [online, setOnline] = useState<ReadonlySet<string>>(new Set())
  const people = items.flatMap(({ target }) => (target.receiverId !== undefined ? [target.receiverId] : [])).slice(0, MOST)
  const asked = JSON.stringify([...people].sort())

  useEffect(() => {
    const ids = JSON.parse(asked) as string[]
    if (!chat || !connected || ids.length === 0) return
    let current = true
    const ask = () =>
      chat.presence(ids).then(
        (found) => current && setOnline(new Set(ids.filter((id) => found[id]?.status === 'online'))),
        () => {}, // asked again soon
      )
    void ask()
    const timer = setInterval(ask, EVERY)
    const stop = chat.on('presence', ({ userId, status }) => {
      if (!ids.includes(userId)) return
      setOnline((before) => {
        const next = new Set(before)
        if (status === 'online') next.add(userId)
        else next.delete(userId)
        return next
      })
    })
    return () => {
      current = false
      clearInterval(timer)
      stop()
    }
  }, [chat, connected, asked])
  return online
}

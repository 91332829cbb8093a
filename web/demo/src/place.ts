import type { Address } from '@corrillo/client/react'
import { useSyncExternalStore } from 'react'

/** The browser tells of its own moves only; this tells of the page's. */
const MOVED = 'corrillo:moved'

/** The page's address with a conversation open, or with none. What else is in it stays. */
export function placeOf(target: Address | undefined): string {
  const query = new URLSearchParams(location.search)
  query.delete('conversation')
  query.delete('person')
  if (target?.receiverId !== undefined) query.set('person', target.receiverId)
  else if (target) query.set('conversation', target.conversationId)
  const text = query.toString()
  return location.pathname + (text && `?${text}`)
}

/** Goes there. The browser's Back, or the one of a phone, returns. */
export function go(target: Address | undefined): void {
  const place = placeOf(target)
  if (place !== location.pathname + location.search) history.pushState(null, '', place)
  dispatchEvent(new Event(MOVED))
}

/** Forgets what the address says of a user and a conversation. */
export function goHome(): void {
  const query = new URLSearchParams(location.search)
  for (const name of ['user', 'conversation', 'person']) query.delete(name)
  const text = query.toString()
  history.replaceState(null, '', location.pathname + (text && `?${text}`))
  dispatchEvent(new Event(MOVED))
}

function subscribe(changed: () => void): () => void {
  addEventListener('popstate', changed)
  addEventListener(MOVED, changed)
  return () => {
    removeEventListener('popstate', changed)
    removeEventListener(MOVED, changed)
  }
}

/** The conversation that the address names: `?conversation=lobby`, or `?person=ann`. */
export function usePlace(): Address | undefined {
  const query = new URLSearchParams(useSyncExternalStore(subscribe, () => location.search))
  const conversationId = query.get('conversation')?.trim()
  const receiverId = query.get('person')?.trim()
  return conversationId ? { conversationId } : receiverId ? { receiverId } : undefined
}

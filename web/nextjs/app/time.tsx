'use client'

import { useSyncExternalStore } from 'react'

const show = (iso: string, timeZone?: string) =>
  new Date(iso).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', timeZone })

const never = () => () => {}

/**
 * A time of day. The server does not know where the reader is: it says UTC,
 * and so does the browser until it has taken the page over.
 */
export function Time({ of: iso }: { of: string }) {
  const text = useSyncExternalStore(never, () => show(iso), () => show(iso, 'UTC'))
  return <time dateTime={iso}>{text}</time>
}

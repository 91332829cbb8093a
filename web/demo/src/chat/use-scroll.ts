import type { ChatMessage } from '@corrillo/client/react'
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'

/** Room that is left above what is scrolled to, in pixels. */
const ABOVE = 56

/** The list as it was drawn last. */
interface Before {
  first?: string
  last?: string
  /** Its last line, and how far below the top of all that can be scrolled it stood, in pixels. */
  anchor?: Element | null
  place?: number | null
  /** The end was in view, and stays there. */
  follow: boolean
  /** Where the end was, in pixels from the top of the box. */
  end?: number
}

/**
 * Where a growing list stands: at its end it follows what is added there; what
 * is added above leaves what is in view where it is. `onTop` is called when
 * the reader comes near the beginning.
 */
export function useScroll(messages: readonly ChatMessage[], onTop: () => void) {
  const box = useRef<HTMLDivElement>(null)
  const end = useRef<HTMLDivElement>(null)
  const top = useRef<HTMLDivElement>(null)
  const [atEnd, setAtEnd] = useState(true)
  const before = useRef<Before>({ follow: true })
  const reachTop = useRef(onTop)
  useEffect(() => {
    reachTop.current = onTop
  })

  const first = messages[0]?.key
  const last = messages.at(-1)

  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    const was = before.current
    was.follow &&= !hasLeft(element, was)
    const sentNow = last !== undefined && last.key !== was.last && last.own && last.state === 'pending'
    if (was.follow || sentNow) element.scrollTop = element.scrollHeight
    else if (first !== was.first && was.anchor?.isConnected) element.scrollTop += placeIn(element, was.anchor) - was.place!
    const anchor = element.querySelector('.messages > :last-child')
    before.current = { first, last: last?.key, anchor, place: anchor && placeIn(element, anchor), follow: was.follow || sentNow, end: element.scrollHeight - element.clientHeight }
  }, [messages, first, last])

  useEffect(() => {
    const element = box.current
    if (!element) return
    const seen = new IntersectionObserver(
      ([entry]) => {
        before.current.follow = entry!.isIntersecting
        setAtEnd(entry!.isIntersecting)
      },
      { root: element, rootMargin: '0px 0px 48px 0px' },
    )
    seen.observe(end.current!)
    const near = new IntersectionObserver(([entry]) => entry!.isIntersecting && element.scrollHeight > element.clientHeight && reachTop.current(), {
      root: element,
      rootMargin: '240px 0px 0px 0px',
    })
    near.observe(top.current!)
    // The keyboard of a phone, or a longer draft, takes room away; a message that is edited needs more.
    const size = new ResizeObserver(() => {
      if (before.current.follow && !hasLeft(element, before.current)) element.scrollTop = element.scrollHeight
      before.current.end = element.scrollHeight - element.clientHeight
    })
    size.observe(element)
    size.observe(element.querySelector('.messages')!)
    return () => {
      seen.disconnect()
      near.disconnect()
      size.disconnect()
    }
  }, [])

  const toEnd = useCallback(() => {
    const element = box.current!
    element.scrollTo({ top: element.scrollHeight })
    element.focus()
  }, [])

  /** Stands at an element of the list, unless all that follows it is in view at the end, too. */
  const standAt = useCallback((selector: string) => {
    const element = box.current
    const mark = element?.querySelector<HTMLElement>(selector)
    if (!element || !mark) return
    const place = placeIn(element, mark) - ABOVE
    if (place >= element.scrollHeight - element.clientHeight) return
    element.scrollTop = place
    before.current.follow = false
    setAtEnd(false)
  }, [])

  /** What has come last is in view, as of this moment. */
  const following = useCallback(() => before.current.follow, [])

  return { box, end, top, atEnd, toEnd, standAt, following }
}

/** How far an element of a box stands below the top of all that can be scrolled there, in pixels. */
function placeIn(box: Element, element: Element): number {
  return box.scrollTop + element.getBoundingClientRect().top - box.getBoundingClientRect().top
}

/** Somebody has scrolled away from the end, which an observer may tell only later. A list that shrinks takes its end along. */
function hasLeft(box: Element, was: Before): boolean {
  return was.end !== undefined && box.scrollTop < Math.min(was.end, box.scrollHeight - box.clientHeight) - 50
}

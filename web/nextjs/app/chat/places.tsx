'use client'

import { useConversations } from '@corrillo/client/react'
import Link from 'next/link'
import { useParams } from 'next/navigation'
import type { Place } from '@/lib/places'
import styles from './chat.module.css'

/** The list of places, with what is unread in each. */
export function Places({ places }: { places: Place[] }) {
  const { items } = useConversations()
  const { conversation } = useParams<{ conversation?: string }>()
  const unread = ({ target }: Place) =>
    items.find((item) =>
      'receiverId' in target ? item.target.receiverId === target.receiverId : item.target.conversationId === target.conversationId,
    )?.unread ?? 0
  return (
    <nav aria-label="Conversations" className={styles.places}>
      <ul>
        {places.map((place) => (
          <li key={place.slug}>
            <Link
              href={`/chat/${place.slug}`}
              aria-current={conversation !== undefined && decodeURIComponent(conversation) === place.slug ? 'page' : undefined}
            >
              <span aria-hidden="true">{'receiverId' in place.target ? '@' : '#'}</span> {place.title}
              {unread(place) > 0 && (
                <b className={styles.unread}>
                  {unread(place)}
                  <span className={styles.hidden}> unread</span>
                </b>
              )}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}

'use client'

import { ChatProvider, useSocket, type ConnectionState } from '@corrillo/client/react'
import { useState, type ReactNode } from 'react'
import styles from './chat.module.css'

interface Identity {
  url: string
  userId: string
  username: string
}

/** Asked before each connection and before the token at hand expires. */
async function getToken(): Promise<string> {
  const response = await fetch('/api/chat-token', { method: 'POST' })
  if (response.status === 401) location.assign('/') // The session is over: sign in again.
  if (!response.ok) throw new Error(`no token: ${response.status}`)
  const { token } = await response.json()
  return token
}

/** The connection of everything below. */
export function Chat({ children, ...identity }: Identity & { children: ReactNode }) {
  return (
    <ChatProvider {...identity} getToken={getToken}>
      <Connection {...identity} />
      {children}
    </ChatProvider>
  )
}

const words: Partial<Record<ConnectionState, string>> = {
  reconnecting: 'The connection is gone. Trying again…',
  offline: 'You are offline. Messages go out when you are back.',
  refused: 'The chat server refused you. Sign in again.',
  closed: 'This session was ended. Sign in again.',
}

/**
 * Says when something is wrong with the connection. This is the hook in the
 * style of callbacks, and it shares the connection of the ChatProvider.
 */
function Connection(identity: Identity) {
  const [error, setError] = useState<string>()
  const { status } = useSocket({ ...identity, getToken, onError: ({ message }) => setError(message) })
  const trouble = words[status.state]
  return (
    <p role="status" className={styles.trouble} data-shown={trouble !== undefined}>
      {trouble} {status.state === 'refused' && error}
    </p>
  )
}

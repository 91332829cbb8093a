import type { Chat, ChatOptions } from './api.js'
import { makeChat, type OwnedChat } from './chat.js'

/** Milliseconds after which a chat that nobody has begun to use is forgotten. */
const unusedFor = 30_000

const chats = new Map<string, OwnedChat>()
const listeners = new Set<() => void>()

/**
 * The chat of this url and user: the same object for all who ask while it is
 * used. It connects with the first `retain`. A token or a name that is given
 * again takes the place of the one before. On a server, where there is no
 * window, nothing is shared and nothing connects by itself.
 */
export function createChat(options: ChatOptions): Chat {
  const url = options.url ?? 'http://localhost:3001'
  const key = `${url}|${options.userId}`
  const found = chats.get(key)
  if (found) {
    found.update(options)
    return found
  }
  const shared = typeof window !== 'undefined'
  const chat = makeChat(
    url,
    options,
    (c) => {
      if (shared && !chats.has(key)) chats.set(key, c as OwnedChat)
      tell()
    },
    (c) => {
      if (chats.get(key) === c) chats.delete(key)
      tell()
    },
  )
  if (shared) {
    chats.set(key, chat)
    setTimeout(() => {
      if (!chat.used && chats.get(key) === chat) chats.delete(key)
    }, unusedFor)
  }
  return chat
}

function tell() {
  listeners.forEach((listener) => listener())
}

/** The only chat in use; undefined when there is none or more than one. */
export function onlyChat(): Chat | undefined {
  const used = [...chats.values()].filter((chat) => chat.used)
  return used.length === 1 ? used[0] : undefined
}

/** Calls back when a chat begins or ceases to be used. */
export function onChats(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

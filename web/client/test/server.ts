import { afterEach, expect } from 'vitest'
import { Server } from '../../testkit/server.js'
import { createChat } from '../src/index.js'
import type { Chat, ChatOptions, Conversation } from '../src/api.js'
import { until } from './until.js'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A server of the test's own. */
export async function start(options: Parameters<typeof Server.start>[0] = {}): Promise<Server> {
  const server = await Server.start(options)
  ends.unshift(async () => {
    // The last of all: a chat outlives its last component by a moment, and needs its window until then.
    await until(async () => expect(await server.connections().catch(() => 0)).toBe(0))
    await server.remove()
  })
  return server
}

/** A chat that is in use until the test ends. */
export function chat(url: string, userId: string, options: Partial<ChatOptions> = {}): Chat {
  const made = createChat({ url, userId, io: { reconnectionDelay: 50, reconnectionDelayMax: 200 }, ...options })
  const release = made.retain()
  ends.push(() => {
    release()
    made.close()
  })
  return made
}

/** Looks at a conversation until the test ends, and returns when it is joined. */
export async function joined(conversation: Conversation): Promise<Conversation> {
  ends.push(conversation.subscribe(() => {}))
  await until(() => expect(conversation.get().status).toBe('joined'))
  return conversation
}

export { until }

export const contents = (conversation: Conversation) => conversation.get().messages.map((m) => m.content)

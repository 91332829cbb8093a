import type { Chat, ChatOptions, Conversation, Conversations, Status, Target } from './api.js'
import { createEcho } from './echo.js'
import { shielded } from './error.js'
import { createLink } from './link.js'
import { createList } from './list.js'
import { createOutbox, errorOf, wireId } from './outbox.js'
import type { Address, MessageAck, MessageSent } from './protocol.js'
import { createRoom, loadRooms } from './room.js'
import { keyOf } from './rooms.js'

/** Milliseconds from the last release to the end of the connection: a remount finds it still there. */
const lingering = 1_000

/** A chat that tells its registry when it is used and when it is not. */
export interface OwnedChat extends Chat {
  readonly used: boolean
}

const addressOf = (target: Target): Address => (typeof target === 'string' ? { conversationId: target } : target)

/** Makes a chat that does nothing before its first `retain`. onUse and onIdle come in turns. */
export function makeChat(url: string, options: ChatOptions, onUse: (chat: Chat) => void, onIdle: (chat: Chat) => void): OwnedChat {
  const link = createLink(url, options, loadRooms)
  const outbox = createOutbox(link, url, options)
  const conversations = new Map<string, Conversation>()
  const joined = new Map<string, () => void>()
  const listeners = new Set<() => void>()
  const ackListeners = new Set<(ack: MessageAck) => void>()
  let list: Conversations | undefined
  let users = 0
  let used = false
  let lastRelease: ReturnType<typeof setTimeout> | undefined
  let status: Status = { ...link.status(), ...outbox.counts() }

  function changed() {
    status = { ...link.status(), ...outbox.counts() }
    listeners.forEach((listener) => shielded(listener))
  }
  link.onStatus(changed)
  outbox.onCounts(changed)

  // Acks are told in every tab, whichever of them has sent the message.
  const tellAck = (ack: MessageAck) => ackListeners.forEach((listener) => shielded(listener, ack))
  outbox.subscribe((change) => {
    if (change.type === 'acked') tellAck(change.ack)
    else if (change.entry.state === 'failed' && change.entry.error && change.type !== 'discarded') {
      tellAck({ tempId: wireId(change.entry), status: 'failed', error: change.entry.error })
    }
  })
  const own = new Set<string>() // tempIds of this outbox, whose acks the server tells as well
  outbox.subscribe(({ entry }) => {
    if (own.add(entry.tempId).size > 2_000) own.delete(own.values().next().value!)
  })
  link.on('message_ack', (ack: MessageAck) => {
    if (!own.has(String(ack.tempId))) tellAck(ack)
  })
  const echo = createEcho(link, outbox) // behind the acks: a message is acked first, then heard

  function start() {
    if (used) return
    used = true
    onUse(chat)
    outbox.open()
    link.open()
  }

  function stop(state: 'idle' | 'closed') {
    used = false
    link.close(state)
    outbox.close()
    onIdle(chat)
  }

  function conversation(target: Target): Conversation {
    const address = addressOf(target)
    const key = keyOf(address)
    let found = conversations.get(key)
    if (!found) conversations.set(key, (found = createRoom(link, outbox, address)))
    return found
  }

  const chat: OwnedChat = {
    url,
    userId: link.userId,
    get username() {
      return link.username
    },
    get used() {
      return used
    },
    socket: link.socket,
    get: () => status,
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    retain() {
      clearTimeout(lastRelease)
      if (users++ === 0) start()
      let held = true
      return () => {
        if (!held) return
        held = false
        if (--users === 0) lastRelease = setTimeout(() => stop('idle'), lingering)
      }
    },
    connect() {
      if (!used) start()
      else link.open()
    },
    close() {
      clearTimeout(lastRelease)
      stop('closed')
    },
    update: (o) => link.update(o),
    on(event: string, listener: (data: any) => void) {
      if (event === 'new_message') return echo.on(listener)
      if (event !== 'message_ack') return link.on(event, listener)
      ackListeners.add(listener)
      return () => void ackListeners.delete(listener)
    },
    conversation,
    conversations: () => (list ??= createList(link, outbox)),
    send(target, message) {
      const draft = typeof message === 'string' ? { content: message } : message
      let entry = outbox.add(addressOf(target), draft)
      const { tempId } = entry
      echo.sent(tempId)
      const sent = new Promise<MessageSent>((resolve, reject) => {
        if (entry.state === 'failed') return reject(errorOf(entry))
        const stop = outbox.subscribe((change) => {
          if (change.entry.tempId !== tempId) return
          entry = change.entry
          if (change.type === 'acked') resolve(change.ack)
          else if (change.type === 'discarded' || entry.state === 'failed') reject(errorOf(entry))
          else return
          stop()
        })
      })
      sent.catch(() => {}) // who does not wait is told by the message's state
      return { tempId, sent }
    },
    retry: (tempId) => outbox.retry(tempId),
    discard: (tempId) => outbox.discard(tempId),
    join(target) {
      const c = conversation(target)
      const key = keyOf(addressOf(target))
      return new Promise((resolve, reject) => {
        let settled = false
        const look = () => {
          const { status, error } = c.get()
          if (settled || (status !== 'joined' && status !== 'failed')) return
          settled = true
          if (status === 'joined') resolve()
          else reject(errorOf({ error } as never))
        }
        const leave = c.subscribe(look)
        if (joined.has(key)) joined.get(key)!()
        joined.set(key, leave)
        look()
      })
    },
    leave(target) {
      const key = keyOf(addressOf(target))
      joined.get(key)?.()
      joined.delete(key)
    },
    sendTyping: (target, isTyping) => conversation(target).sendTyping(isTyping),
    async markRead(read) {
      await link.request('mark_read', read)
    },
    history: (target, page) => link.request('get_history', { ...addressOf(target), ...page }),
    presence: (userIds) => link.request('get_presence', { userIds }),
  }
  return chat
}

import { createAddressing } from './addressing.js'
import type { ChatMessage, Conversation, ConversationState } from './api.js'
import { createChanges } from './changes.js'
import { waiting } from './entry.js'
import { ChatError, plain } from './error.js'
import type { Link, Outbox, OutboxEntry } from './internal.js'
import { createMembers } from './members.js'
import { acked, newer, shown, stored, tombstone } from './merge.js'
import type { Address, JoinReply, Message, MessageDeletedEvent, MessageReadEvent, PresenceEvent, TypingEvent, WireError } from './protocol.js'
import { createReadMark } from './readmark.js'
import { hold, passOver } from './rooms.js'
import { backoff, createSnapshot } from './snapshot.js'
import { createTimeline, FAR } from './timeline.js'
import { createTyping } from './typing.js'

/** Milliseconds from the last look to the leave: a remount finds it joined. */
const lingering = 1_000

/**
 * One conversation: joined while somebody subscribes, and again after each
 * reconnect with what is held already. What arrives while a join is on its way
 * waits until the reply has been taken in, so that nothing older comes after it.
 */
export function createConversation(link: Link, outbox: Outbox, target: Address): Conversation {
  const me = link.userId
  const where = createAddressing(target, me)
  let status: ConversationState['status'] = 'idle'
  let error: WireError | undefined
  let unreadAtJoin = 0 // of others, by the server's count and what came since
  let lookers = 0
  let leaveTimer: ReturnType<typeof setTimeout> | undefined
  let askTimer: ReturnType<typeof setTimeout> | undefined
  let attempt = 0
  let joining: (() => void)[] | undefined // events that wait for the join's reply
  let attached = false // the session has joined, whether it is connected or not
  let filling = false
  let replaying = false
  const heard = new Set<string | number>() // live messages and revs since nothing was missing
  let readAll = false // markRead came before the messages
  let stops: (() => void)[] = []
  const views = new WeakMap<OutboxEntry, ChatMessage>()

  const snapshot = createSnapshot<ConversationState>(make)
  const { changed } = snapshot
  const changes = createChanges()
  const mark = createReadMark(link, target, changed)
  const members = createMembers(link, target, changed)
  const typing = createTyping((isTyping) => link.tell('typing', { ...target, isTyping }), changed)
  const timeline = createTimeline({
    read: (page) => link.request('get_history', { ...target, ...page }),
    view: (messages) => messages.map(view),
    changed,
    missed: (messages) => messages.forEach((message) => heard.has(message.id) || replay('new_message', message)),
  })

  function view(message: Message): ChatMessage {
    members.named(message.senderId, message.senderName)
    members.seen(message.senderId, false, message.seq)
    return stored(message, me)
  }

  function unread(): number {
    const first = timeline.held[0]?.seq ?? 1
    if (timeline.last < 0 || first > mark.seq + 1) return mark.seq >= timeline.newest && timeline.last >= 0 ? 0 : unreadAtJoin
    return timeline.held.filter((m) => !m.own && m.seq > mark.seq).length
  }

  function make(): ConversationState {
    const own = outbox.entries().filter((entry) => where.addressed(entry.address))
    const unsent = own.map((entry) => {
      let found = views.get(entry)
      if (!found) views.set(entry, (found = waiting(entry, me, link.username)))
      return found
    })
    return {
      target,
      status,
      ...(error ? { error } : {}),
      messages: shown(timeline.held, timeline.early, unsent),
      hasOlder: timeline.hasOlder,
      loadingOlder: timeline.loading,
      typing: typing.list,
      members: members.list,
      readSeq: mark.seq,
      unread: unread(),
      readByOthers: members.readByOthers,
    }
  }

  function become(next: typeof status, why?: WireError) {
    status = next
    error = why
    changed()
  }

  /** For listeners of events, who hear of what was missed as of what happens. */
  function replay(event: 'new_message' | 'message_updated' | 'message_deleted', data: object) {
    replaying = true
    link.replay(event, data)
    replaying = false
  }

  async function join() {
    clearTimeout(askTimer)
    askTimer = undefined
    if (!lookers || !link.up || joining) return
    const anew = !attached
    if (status !== 'joined' && status !== 'stale') become('joining')
    const late: (() => void)[] = (joining = [])
    let trouble: unknown
    try {
      for (let more = true; more; ) {
        const from = timeline.last // acks may raise it while the reply is on its way
        const known = from >= 0 ? { afterSeq: from, afterRev: changes.last } : {}
        const reply = await link.request<JoinReply>('join_conversation', { ...target, ...known })
        if (joining !== late) return // left in between
        more = takeJoin(from, reply)
      }
      attached = true
      rest()
    } catch (err) {
      if (joining !== late) return
      trouble = err
    }
    joining = undefined
    late.forEach((event) => event())
    if (trouble) return onTrouble(trouble)
    settle()
    if (anew) void members.load()
  }

  /** Joins in a moment if that is wanted still. All who listen may miss the same change: each waits for a time of its own. */
  function joinSoon() {
    if (link.up) askTimer ??= setTimeout(() => (status === 'joined' && !changes.behind ? rest() : void join()), backoff(attempt++))
  }

  /** Nothing is to be asked later. */
  function rest() {
    clearTimeout(askTimer)
    askTimer = undefined
    attempt = 0
  }

  /** Joined, and there is something to show. */
  function goLive() {
    if (attached && link.up && timeline.last >= 0 && status !== 'joined') become('joined')
  }

  function settle() {
    goLive()
    void mark.flush()
    void fill()
  }

  /** Reports whether to ask again: more was changed than one reply holds. */
  function takeJoin(from: number, reply: JoinReply): boolean {
    const before = changes.last
    where.learn(reply.directId)
    unreadAtJoin = reply.unread
    mark.known(reply.readSeq)
    const fresh = from < 0
    // Another database than the one before, or too far behind to page through it all.
    if (!fresh && (reply.lastSeq < from || reply.lastSeq - timeline.last > FAR)) {
      timeline.restart(reply.lastSeq)
      changes.restart(reply.lastRev)
      passOver(link, target, reply.lastSeq)
      return false
    }
    if (fresh) {
      passOver(link, target, reply.lastSeq)
    } else {
      if (reply.missed.length) timeline.take(reply.missed.map(view))
      for (const message of reply.missed) if (!heard.has(message.id)) replay('new_message', message)
      for (const message of reply.changed) {
        change(message)
        changes.take(message.rev ?? 0)
        if (heard.has(message.rev ?? 0)) continue
        if (message.deletedAt) replay('message_deleted', { ...message, messageId: message.id })
        else replay('message_updated', message)
      }
    }
    timeline.expect(reply.lastSeq)
    // A reply has a bound in number and one in bytes: what counts is how far it came.
    const { last } = changes
    const more = !fresh && last > before && last < reply.lastRev
    if (!more) changes.restart(Math.max(last, reply.lastRev))
    return more
  }

  function onTrouble(err: unknown) {
    const why = err instanceof ChatError ? plain(err) : { code: 'internal' as const, message: String(err), retryable: true }
    if (!lookers) return
    if (!why.retryable) {
      passOver(link, target, Infinity)
      return become('failed', why)
    }
    if (status !== 'stale') become(timeline.last >= 0 ? 'stale' : 'joining', why)
    joinSoon()
  }

  /** Asks for what is missing: messages between what is held and the newest, changes in front of a later one. */
  async function fill() {
    if (filling) return
    if (timeline.behind) {
      filling = true
      try {
        await timeline.fill()
      } catch (err) {
        onTrouble(err)
      }
      filling = false
      if (timeline.behind) return
    }
    if (readAll) mark.mark(timeline.last)
    readAll = false
    if (changes.behind) return joinSoon()
    if (attached && !joining) heard.clear() // a reply to come may bring them again
    goLive()
  }

  function change(message: Message) {
    timeline.edit(message.id, (held) => newer(held, stored(message, me)))
  }

  function onMessage(message: Message) {
    if (!where.owns(message, message.senderId)) return
    members.named(message.senderId, message.senderName)
    // What the back end posts says nothing of who is there.
    members.seen(message.senderId, true, message.seq, message.tempId != null)
    typing.see(message.senderId, '', false)
    if (message.senderId === me) mark.known(message.seq)
    else if (message.seq > timeline.newest) unreadAtJoin++
    timeline.receive(stored(message, me))
    void fill()
  }

  const deletedHere = (event: MessageDeletedEvent) => where.owns(event, event.deletedBy || undefined) || !!timeline.find(event.messageId)

  function onUpdated(message: Message) {
    if (!where.owns(message, message.senderId)) return
    change(message)
    follow(message.rev ?? 0)
  }

  function onDeleted(event: MessageDeletedEvent) {
    if (!deletedHere(event)) return
    timeline.edit(event.messageId, (held) => tombstone(held, event, new Date().toISOString()))
    follow(event.rev)
  }

  /** A change was told. Before the first answer it counts for nothing: that says where to begin. */
  function follow(rev: number) {
    if (!attached) return
    changes.receive(rev)
    void fill()
  }

  function onRead(event: MessageReadEvent) {
    if (!where.owns(event, event.userId)) return
    members.seen(event.userId, true, event.seq)
    if (event.userId === me) mark.known(event.seq)
  }

  function onTyping(event: TypingEvent) {
    if (event.userId === me || !where.owns(event, event.userId)) return
    members.named(event.userId, event.username)
    members.seen(event.userId, true)
    typing.see(event.userId, event.username, event.isTyping)
  }

  function onPresence(event: PresenceEvent) {
    if (!members.presence(event.userId, event.status, event.lastSeen)) members.soon()
  }

  function listen() {
    const on = <T>(event: string, handle: (data: T) => void) =>
      link.on(event, (data: T) => {
        if (joining && !replaying) joining.push(() => handle(data))
        else if (!replaying) handle(data)
      })
    if (!link.up) become(timeline.last >= 0 ? 'stale' : 'joining')
    stops = [
      link.on('new_message', (message: Message) => where.owns(message, message.senderId) && heard.add(message.id)),
      link.on('message_updated', (message: Message) => where.owns(message, message.senderId) && heard.add(message.rev ?? 0)),
      link.on('message_deleted', (event: MessageDeletedEvent) => deletedHere(event) && heard.add(event.rev)),
      on('new_message', onMessage),
      on('message_updated', onUpdated),
      on('message_deleted', onDeleted),
      on('message_read', onRead),
      on('typing', onTyping),
      on('presence', onPresence),
      hold(link, target),
      link.onDown(() => {
        typing.clear()
        if (status === 'joined') become('stale')
      }),
      // A recovered session is joined still, and what was missed follows by itself.
      link.onUp((recovered) => {
        attached &&= recovered
        if (attached) settle()
        else void join()
      }),
    ]
  }

  function leave() {
    if (lookers) return
    rest()
    stops.forEach((stop) => stop())
    stops = []
    joining = undefined
    attached = false
    typing.clear()
    members.stop()
    timeline.shrink()
    become('idle')
  }

  outbox.subscribe((c) => {
    if (!where.addressed(c.entry.address)) return
    if (c.type === 'acked') {
      where.learn(c.ack.directId)
      mark.known(c.ack.seq)
      if (stops.length) {
        timeline.receive(acked(c.entry, c.ack, me, link.username))
        void fill()
      }
    }
    changed()
  })

  return {
    get: snapshot.get,
    subscribe(listener) {
      const stop = snapshot.subscribe(listener)
      clearTimeout(leaveTimer)
      if (lookers++ === 0) {
        if (!stops.length) listen()
        else if (status === 'failed' || !attached) void join()
        else if (link.up) void fill() // what nobody wanted to have for a moment
      }
      let looking = true
      return () => {
        if (!looking) return
        looking = false
        stop()
        if (--lookers === 0) leaveTimer = setTimeout(leave, lingering)
      }
    },
    send(message) {
      typing.own(false)
      return outbox.add(target, typeof message === 'string' ? { content: message } : message).tempId
    },
    retry: (tempId) => outbox.retry(tempId),
    discard: (tempId) => outbox.discard(tempId),
    loadOlder: (limit) => timeline.older(limit),
    markRead(seq) {
      // Who looks has read what is still on its way to the screen.
      readAll = seq === undefined && timeline.behind
      mark.mark(Math.min(seq ?? timeline.last, Math.max(timeline.newest, 0)))
    },
    sendTyping: (isTyping) => typing.own(isTyping),
    async edit(messageId, content) {
      const { message } = await link.request<{ message: Message }>('edit_message', { messageId, content, ...target })
      change(message) // the event says how far the changes have come
    },
    async remove(messageId) {
      await link.request('delete_message', { messageId, ...target })
      timeline.edit(messageId, (held) => (held.deletedAt ? held : tombstone(held, { deletedBy: me }, new Date().toISOString())))
    },
  }
}

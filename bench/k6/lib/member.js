// One user in one room: connects, identifies, joins, comes back when the
// connection goes, and holds what it sees against the checks.

import { Client } from './client.js'
import { Ledger, Outbox } from './checks.js'
import { Signal, after } from './signal.js'

/** How long a member tries to come back, and how long the first and the last pause are (ms). */
const patience = { total: 60_000, first: 100, last: 5_000 }

export class Member {
  #o
  #ledger
  #outbox
  #client = null
  #held = null // messages that came while missed ones are still being fetched
  #changed = new Signal()
  #ending = false
  #returning = null

  /** room is the conversation's id. */
  get room() { return this.#o.room }

  /** joined: messages may be sent. */
  joined = false

  /** onAck is called when an ack came or was given up; a closed loop sends its next message then. */
  onAck = () => {}

  /** onMessage is called with each new message of the room. */
  onMessage = () => {}

  /**
   * Options: user {id, name, token?}; room; order, an Order that the members
   * of the room share; report; dial(), a new socket; framing; now(), in ms;
   * ackTimeout in ms; run, which marks the messages whose times can be compared.
   */
  constructor(options) {
    this.#o = options
    this.#ledger = new Ledger(options.report, options.order)
    this.#outbox = new Outbox(options.report, options.order)
  }

  /** unanswered counts the messages that wait for their ack. */
  get unanswered() { return this.#outbox.unanswered }

  /** start resolves once the room is joined. It rejects when that failed for good; with once, after the first try. */
  async start({ once = false } = {}) {
    const began = this.#o.now()
    for (let pause = patience.first; ; pause = Math.min(2 * pause, patience.last)) {
      try {
        await this.#connect()
        this.#o.report.readyTime(this.#o.now() - began)
        return
      } catch (error) {
        this.#client?.close()
        const forGood = once || error.retryable === false || this.#o.now() - began > patience.total
        if (forGood || this.#ending) {
          if (!this.#ending) this.#o.report.connectFailures(1)
          throw error
        }
        this.#o.report.retries(1)
        await after(pause * (0.5 + Math.random()))
      }
    }
  }

  async #connect() {
    const { user, room, dial, framing } = this.#o
    const first = this.#ledger.last === null
    this.#held = []
    const client = new Client(dial(), framing, {
      onEvent: (event, data, at) => this.#heard(client, event, data, at),
      onStray: () => this.#o.report.duplicates(1),
      onClosed: () => this.#lost(client),
    })
    this.#client = client
    await client.ready
    await client.request('identify', { userId: user.id, username: user.name, token: user.token })
    const reply = await client.request('join_conversation', first ? { conversationId: room } : { conversationId: room, afterSeq: this.#ledger.last })
    if (first) this.#ledger.begin(reply.lastSeq)
    else await this.#catchUp(client, reply)
    for (const [message, at] of this.#held) this.#take(message, at)
    this.#held = null
    this.joined = true
    for (const payload of this.#outbox.again()) this.#emit(payload)
    this.#changed.fire()
  }

  // The reply brings 200 messages at most; the rest is in the history, up to
  // where the live ones begin.
  async #catchUp(client, reply) {
    let { hasMore, missed } = reply
    for (;;) {
      for (const message of missed) this.#take(message)
      if (!hasMore || this.#ledger.last >= reply.lastSeq) return
      const page = await client.request('get_history', { conversationId: this.#o.room, afterSeq: this.#ledger.last, limit: Math.min(200, reply.lastSeq - this.#ledger.last) })
      missed = page.messages
      hasMore = page.hasMore && missed.length > 0
    }
  }

  #heard(client, event, data, at) {
    if (client !== this.#client) return // what an old connection still had to say was counted as missed
    if (event === 'new_message') {
      if (data.conversationId !== this.#o.room) this.#o.report.disorder(1)
      else if (this.#held) this.#held.push([data, at])
      else this.#take(data, at)
    } else if (event === 'message_ack') {
      if (data.status === 'sent') this.#outbox.acked('event', data, at)
      this.#changed.fire()
    }
  }

  // Without a time the message was fetched, and is no delivery to be timed.
  #take(message, at) {
    const { report, run, user } = this.#o
    if (!this.#ledger.take(message)) return
    report.deliveries(1)
    if (at !== undefined && message.run === run) report.deliveryLatency(at - message.at)
    if (message.senderId === user.id) this.#outbox.delivered(message)
    this.onMessage(message)
    this.#changed.fire()
  }

  #lost(client) {
    if (client !== this.#client) return
    this.#client = null
    if (!this.joined) return // start() sees it by itself
    this.#away()
    if (this.#ending) return
    this.#o.report.disconnects(1)
    this.#comeBack()
  }

  #away() {
    this.joined = false
    this.#outbox.disconnected()
  }

  #comeBack() {
    this.#returning = this.start().catch(() => {}) // reported by start
    this.#changed.fire()
  }

  /** drop loses the connection as a bad network would, and comes back. It resolves when that is done. */
  async drop() {
    if (!this.joined) return
    this.leave()
    this.#comeBack()
    await this.#returning
  }

  /** leave loses the connection and stays away until start. */
  leave() {
    this.#away()
    const old = this.#client
    this.#client = null
    old?.close(4000)
  }

  /** send sends a message now, or when the connection is back. */
  send(tempId, content) {
    const { room, now, run } = this.#o
    const at = now()
    const payload = { conversationId: room, content, tempId, run, at }
    this.#outbox.sent(payload, at)
    if (this.joined) this.#emit(payload)
  }

  #emit(payload) {
    this.#client.emit('send_message', payload, (ack, at) => {
      if (ack.status === 'sent') this.#outbox.acked('reply', ack, at)
      else this.#refused(payload, ack.error)
      this.onAck()
      this.#changed.fire()
    })
  }

  #refused(payload, error) {
    this.#outbox.refused(payload.tempId, error)
    if (!error.retryable) return
    setTimeout(() => {
      if (this.joined && this.#outbox.payload(payload.tempId)) this.#emit(payload)
    }, 500 + 500 * Math.random())
  }

  /** beat says that the user is there. */
  beat() {
    if (this.joined) this.#client.emit('heartbeat', {})
  }

  /** tick is called about once a second: it counts lost acks. */
  tick() {
    this.#outbox.expire(this.#o.now() - this.#o.ackTimeout)
    this.onAck()
    this.#changed.fire()
  }

  /**
   * settle waits for the acks of what was sent and for every message that the
   * room has at this time, and counts as lost what does not come.
   */
  async settle() {
    const { ackTimeout, order, room } = this.#o
    await this.#changed.until(() => this.#outbox.acknowledged, 2 * ackTimeout)
    this.#outbox.expire(Infinity)
    const lastSeq = await this.#lastSeq(room)
    const target = Math.max(lastSeq, order.acked)
    await this.#changed.until(() => this.#ledger.last >= target, ackTimeout)
    this.#ledger.end(target)
  }

  // Joining again changes nothing and says where the room is now.
  async #lastSeq(room) {
    for (let tries = 3; ; tries--) {
      await this.#changed.until(() => this.joined, patience.total)
      try {
        return (await this.#client.request('join_conversation', { conversationId: room })).lastSeq
      } catch (error) {
        if (tries === 0) throw error
        await after(500)
      }
    }
  }

  /** finish closes the connection and counts this member as one that came to its end. */
  async finish() {
    this.#ending = true
    this.joined = false
    const client = this.#client
    if (!client) return
    client.close()
    await client.closed
    this.#o.report.finished(1)
  }
}

// What a member of a room checks: every ack once, every message once, in one
// order. Pure: what is found goes to a report (metrics.js has that of k6).

/**
 * Order is what the members of a room in this process agree on. size is how
 * many of them there are.
 */
export class Order {
  #size
  #ids = new Map()

  /** acked is the highest seq that a sender here was told of. */
  acked = 0

  constructor(size) {
    this.#size = size
  }

  /** agrees says whether everybody has seen this message at this place. */
  agrees(seq, id) {
    const place = this.#ids.get(seq)
    if (!place) {
      if (this.#size > 1) this.#ids.set(seq, { id, seen: 1 })
      return true
    }
    if (++place.seen >= this.#size) this.#ids.delete(seq)
    return place.id === id
  }
}

/** Ledger is the messages that one member has seen: seq without gaps or repeats. */
export class Ledger {
  #report
  #order

  /** last is the seq up to which nothing more is expected; null before begin. */
  last = null

  constructor(report, order) {
    this.#report = report
    this.#order = order
  }

  /** begin is the seq that the room had when the member first joined it. */
  begin(seq) {
    this.last = seq
  }

  /** take notes a delivered message and says whether it is a new one. */
  take({ seq, id }) {
    if (seq <= this.last) {
      this.#report.duplicates(1)
      return false
    }
    const missing = seq - this.last - 1
    if (missing > 0) {
      this.#report.gaps(1)
      this.#report.lostDeliveries(missing)
    }
    this.last = seq
    if (!this.#order.agrees(seq, id)) this.#report.disorder(1)
    return true
  }

  /** end notes what never came, up to the seq that the room has now. */
  end(seq) {
    if (seq > this.last) this.#report.lostDeliveries(seq - this.last)
  }
}

/**
 * Outbox is what one member has sent. Of each message its reply, its event
 * message_ack and the sender's own copy must come once and name the same id and
 * seq. Times are in milliseconds.
 */
export class Outbox {
  #report
  #order
  #open = new Map()
  #unanswered = 0

  constructor(report, order) {
    this.#report = report
    this.#order = order
  }

  /** unanswered counts the messages that wait for their reply. */
  get unanswered() { return this.#unanswered }

  /** sent notes a message that goes out at this time. */
  sent(payload, at) {
    this.#open.set(payload.tempId, { payload, at, repeated: false, lost: false, reply: null, event: null, delivered: null })
    this.#unanswered++
    this.#report.sent(1)
  }

  /** payload is that of a message which waits for its reply, or undefined. */
  payload(tempId) {
    const m = this.#open.get(tempId)
    return m && !m.reply && !m.lost ? m.payload : undefined
  }

  /** acked notes the reply (how: 'reply') or the event message_ack (how: 'event') of status sent. */
  acked(how, ack, at) {
    const m = this.#open.get(ack.tempId)
    if (m?.lost) return
    if (!m || m[how]) return this.#report.duplicates(1)
    m[how] = ack
    if (how === 'reply') {
      this.#unanswered--
      this.#report.acks(1)
      if (!m.repeated) this.#report.ackLatency(at - m.at)
      this.#order.acked = Math.max(this.#order.acked, ack.seq)
    }
    this.#compare(m)
  }

  /** refused notes a failure; after one that is not retryable the message is given up. */
  refused(tempId, error) {
    const m = this.#open.get(tempId)
    if (!m || m.reply || m.lost) return
    if (error.retryable) {
      m.repeated = true
      m.event = null
      return this.#report.retries(1)
    }
    this.#report.refused(1)
    this.#unanswered--
    this.#open.delete(tempId)
  }

  /** delivered notes the sender's own copy, which comes after the ack. */
  delivered(message) {
    const m = this.#open.get(message.tempId)
    if (!m || m.delivered) return
    m.delivered = message
    if (!m.reply && !m.repeated && !m.lost) this.#report.disorder(1)
    this.#compare(m)
  }

  #compare(m) {
    const { reply, event, delivered } = m
    if (!reply || !event || !delivered) return
    if (reply.messageId !== event.messageId || reply.messageId !== delivered.id || reply.seq !== event.seq || reply.seq !== delivered.seq) {
      this.#report.disorder(1)
    }
    this.#open.delete(m.payload.tempId)
  }

  /** disconnected forgets the acks that went with the connection. */
  disconnected() {
    for (const m of this.#open.values()) {
      if (m.lost) continue
      if (m.reply) {
        m.event = m.event ?? m.reply
        this.#compare(m)
      } else {
        m.event = null
        m.repeated = true
      }
    }
  }

  /** again is what to send on a new connection: with the same tempId, which makes it harmless. */
  again() {
    const payloads = []
    for (const m of this.#open.values()) {
      if (m.lost || m.reply) continue
      m.repeated = true
      payloads.push(m.payload)
    }
    return payloads
  }

  /** expire counts as lost what was sent before this time and has no ack yet. */
  expire(before) {
    for (const m of this.#open.values()) {
      if (m.at > before || m.lost || (m.reply && m.event)) continue
      m.lost = true
      this.#report.lostAcks(1)
      if (!m.reply) this.#unanswered--
    }
  }

  /** acknowledged: no ack is expected any more. */
  get acknowledged() {
    for (const m of this.#open.values()) if (!m.lost && !(m.reply && m.event)) return false
    return true
  }
}

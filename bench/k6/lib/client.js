// One connection: frames in and out, replies matched to what asked for them.
// It knows no room and no user; see member.js for these.

/** Refusal is an error that the server answered with; code as in docs/PROTOCOL.md. */
export class Refusal extends Error {
  constructor({ code, message, retryable }) {
    super(`${code}: ${message}`)
    this.code = code
    this.retryable = Boolean(retryable)
  }
}

export class Client {
  #socket
  #framing
  #handlers
  #replies = new Map()
  #lastId = 0
  #begin = {}
  #ending = false
  #over = false

  /** ready resolves when events may be sent, and rejects when that will never be. */
  ready

  /** closed resolves when the connection is gone. It never rejects. */
  closed

  /**
   * The socket is a WebSocket of the web's API that nobody else listens to.
   * handlers: onEvent(event, data, at), at in milliseconds as the socket gives
   * it; onStray(), a reply that nobody waits for; onClosed(reason), once.
   */
  constructor(socket, framing, handlers) {
    this.#socket = socket
    this.#framing = framing
    this.#handlers = handlers
    this.ready = new Promise((resolve, reject) => { this.#begin = { resolve, reject } })
    this.ready.catch(() => {}) // also when nobody asks
    let failure = ''
    this.closed = new Promise((resolve) => {
      socket.onclose = (e) => {
        const reason = failure || e.reason || (e.code ? `closed with ${e.code}` : 'connection lost')
        this.#gone(new Error(reason))
        resolve(reason)
      }
    })
    socket.onerror = (e) => { failure = failure || e.error || 'connection failed' }
    socket.onmessage = (e) => this.#receive(e.data, e.timestamp)
  }

  #receive(text, at) {
    const frame = this.#framing.decode(text)
    switch (frame.kind) {
      case 'ready': return this.#begin.resolve()
      case 'answer': return this.#socket.send(frame.text)
      case 'event': return this.#handlers.onEvent(frame.event, frame.data, at)
      case 'reply': return this.#replied(frame.id, frame.data, at)
      case 'refused': this.#begin.reject(new Refusal(frame.error)); return this.close()
      case 'ended': return this.close()
    }
  }

  #replied(id, data, at) {
    const waiting = this.#replies.get(id)
    if (!waiting) return this.#handlers.onStray()
    this.#replies.delete(id)
    waiting.replied(data, at)
  }

  #gone(error) {
    this.#over = true
    this.#begin.reject(error)
    const waiting = [...this.#replies.values()]
    this.#replies.clear()
    for (const w of waiting) w.lost(error)
    this.#handlers.onClosed(error.message)
  }

  /**
   * emit sends an event. With replied it asks for a reply, and either
   * replied(data, at) or lost(error), when the connection went, is called once,
   * later. On a connection that is closing nothing is sent.
   */
  emit(event, data, replied, lost = () => {}) {
    const id = replied && ++this.#lastId
    if (this.#over && replied) Promise.resolve().then(() => lost(new Error('connection lost')))
    else if (replied) this.#replies.set(id, { replied, lost })
    if (!this.#ending && !this.#over) this.#socket.send(this.#framing.encode(event, data, id))
    return id
  }

  /** request resolves to the reply. A failure, or none in ms, rejects. */
  request(event, data, ms = 30_000) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#replies.set(id, { replied() {}, lost() {} }) // it may still come
        reject(new Error(`no reply to ${event} in ${ms} ms`))
      }, ms)
      const id = this.emit(event, data, (reply) => {
        clearTimeout(timer)
        if (reply.status === 'error' || reply.status === 'failed') reject(new Refusal(reply.error))
        else resolve(reply)
      }, (error) => {
        clearTimeout(timer)
        reject(error)
      })
    })
  }

  /** close ends the connection; code 1000 ends the session with it, 4000 leaves it as a lost network would. */
  close(code = 1000) {
    this.#ending = true
    this.#socket.close(code)
  }
}

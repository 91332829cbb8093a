// A Client is an unmodified socket of socket.io-client that keeps a log of
// what it receives, so that a test can wait for what came already.

const patience = Number(process.env.E2E_PATIENCE_MS ?? 15_000)

// within rejects when the promise takes longer than anything here should.
export async function within(what, promise) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${patience} ms for ${what()}`)), patience)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

export class Client {
  constructor(socket, name) {
    this.socket = socket
    this.name = name
    this.log = [] // {event, data} in the order of arrival
    this.replies = [] // {event, reply, at: length of log when it came}
    this.connects = 0
    this.waiting = new Set()
    socket.onAny((event, ...args) => this.#record(event, args[0]))
    socket.on('connect', () => {
      this.connects++
      this.#wake()
    })
    socket.on('disconnect', (reason) => {
      this.lastReason = reason
      this.#wake()
    })
    socket.on('connect_error', (err) => {
      this.lastError = err
      this.#wake()
    })
  }

  #record(event, data) {
    this.log.push({ event, data })
    this.#wake()
  }

  #wake() {
    for (const look of [...this.waiting]) look()
  }

  // until waits for a condition that an event of this socket makes true and
  // returns its value.
  until(what, condition) {
    const promise = new Promise((resolve, reject) => {
      const look = () => {
        try {
          const value = condition()
          if (!value) return
          resolve(value)
        } catch (err) {
          reject(err)
        }
        this.waiting.delete(look)
      }
      this.waiting.add(look)
      look()
    })
    return within(() => `${this.name}: ${what}; log: ${this.#summary()}`, promise)
  }

  connected(times = 1) {
    return this.until(`connect no. ${times} (last error: ${this.lastError})`, () => this.connects >= times && this.socket.connected)
  }

  disconnected() {
    return this.until('disconnect', () => !this.socket.connected)
  }

  // next returns the first event of that name that matches, past or future.
  next(event, match = () => true) {
    return this.until(event, () => this.log.find((e) => e.event === event && match(e.data)))
      .then((e) => e.data)
  }

  all(event, match = () => true) {
    return this.log.filter((e) => e.event === event && match(e.data)).map((e) => e.data)
  }

  // message waits for the new_message with that content.
  message(content) {
    return this.next('new_message', (m) => m.content === content)
  }

  messages(match) {
    return this.all('new_message', match)
  }

  emit(event, ...args) {
    this.socket.emit(event, ...args)
  }

  // request emits with a callback and returns what the callback gets.
  request(event, ...args) {
    const reply = new Promise((resolve) => {
      this.socket.emit(event, ...args, (answer) => {
        this.replies.push({ event, reply: answer, at: this.log.length })
        resolve(answer)
      })
    })
    return within(() => `${this.name}: the reply to ${event}; log: ${this.#summary()}`, reply)
  }

  // say sends a message to a conversation and returns its ack.
  async say(conversationId, content, more = {}) {
    const ack = await this.request('send_message', { conversationId, content, tempId: `t-${content.slice(0, 40)}`, ...more })
    if (ack.status !== 'sent') throw new Error(`${this.name} could not say ${content.slice(0, 40)}: ${JSON.stringify(ack)}`)
    return ack
  }

  transport() {
    return this.socket.io.engine.transport.name
  }

  // settled waits until the transport is the one that the client ends up with.
  async settled(name) {
    const { engine } = this.socket.io
    if (engine.transport.name === name) return
    await within(() => `${this.name}: upgrade to ${name}`, new Promise((resolve) => engine.once('upgrade', resolve)))
  }

  #summary() {
    return JSON.stringify(this.log.slice(-12).map((e) => [e.event, e.data]))?.slice(0, 1500)
  }
}

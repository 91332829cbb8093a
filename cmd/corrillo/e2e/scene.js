// A Scene is the stage of one test: clients with names of their own, rooms
// that nobody else uses, and everything cleared away at the end.
import { randomUUID } from 'node:crypto'
import { Client } from './client.js'
import { Line } from './line.js'

export const serverURL = process.env.E2E_URL
export const webhookSecret = process.env.E2E_WEBHOOK_SECRET

if (!serverURL) throw new Error('E2E_URL must name a running server')

export class Scene {
  #clients = []
  #lines = []
  #id = randomUUID().slice(0, 8)

  constructor(io, transport) {
    this.io = io
    this.transport = transport
  }

  // id makes a name unique to this scene.
  id(name) {
    return `${name}-${this.#id}`
  }

  // open makes a client that begins to connect. It speaks for nobody yet.
  open(name, options = {}) {
    const { url = serverURL, ...rest } = options
    const socket = this.io(url, {
      transports: this.transport.list,
      forceNew: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 100,
      randomizationFactor: 0,
      ...rest,
    })
    const client = new Client(socket, name)
    client.userId = this.id(name)
    this.#clients.push(client)
    return client
  }

  // user makes a client that is connected, identified and has joined rooms.
  async user(name, { rooms = [], ...options } = {}) {
    const client = this.open(name, options)
    await client.connected()
    await this.identify(client)
    for (const conversationId of rooms) {
      const reply = await client.request('join_conversation', { conversationId })
      if (reply.status !== 'ok') throw new Error(`join of ${conversationId}: ${JSON.stringify(reply)}`)
    }
    return client
  }

  async identify(client) {
    const reply = await client.request('identify', { userId: client.userId, username: client.name })
    if (reply.status !== 'ok') throw new Error(`identify: ${JSON.stringify(reply)}`)
    return reply
  }

  // line makes a relay to the server that the test can cut.
  async line() {
    const line = await Line.to(Number(new URL(serverURL).port))
    this.#lines.push(line)
    return line
  }

  // post calls the webhook.
  async post(path, body, authorization = `Bearer ${webhookSecret}`) {
    const headers = { 'content-type': 'application/json' }
    if (authorization !== null) headers.authorization = authorization
    const response = await fetch(`${serverURL}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    const text = await response.text()
    let answer
    try {
      answer = JSON.parse(text)
    } catch {
      answer = text
    }
    return { status: response.status, answer }
  }

  end() {
    for (const client of this.#clients) client.socket.close()
    for (const line of this.#lines) line.close()
  }
}

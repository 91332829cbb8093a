import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Order } from './checks.js'
import { framing } from './framing.js'
import { Member } from './member.js'
import { tally } from './tally.js'

// Server answers a member's sockets by hand, with one room and what is in it.
class Server {
  messages = []
  dropAcks = 0
  doubled = 0
  sockets = []

  dial() {
    const socket = { open: true, send: (text) => queueMicrotask(() => this.hear(socket, JSON.parse(text))) }
    socket.close = (code) => queueMicrotask(() => { if (socket.open) { socket.open = false; socket.onclose({ code }) } })
    this.sockets.push(socket)
    queueMicrotask(() => this.say(socket, { event: 'welcome', data: {} }))
    return socket
  }

  say(socket, frame) {
    if (socket.open) socket.onmessage({ data: JSON.stringify(frame), timestamp: 1 })
  }

  hear(socket, { event, data, id }) {
    if (!socket.open) return
    const reply = (data) => this.say(socket, { ack: id, data })
    if (event === 'identify') reply({ status: 'ok' })
    if (event === 'join_conversation') {
      socket.joined = true
      const missed = data.afterSeq === undefined ? [] : this.messages.slice(data.afterSeq, data.afterSeq + 2)
      reply({ status: 'ok', lastSeq: this.messages.length, missed, hasMore: data.afterSeq + 2 < this.messages.length })
    }
    if (event === 'get_history') reply({ messages: this.messages.slice(data.afterSeq, data.afterSeq + data.limit), hasMore: false })
    if (event === 'send_message') this.post(socket, data, reply)
  }

  post(socket, data, reply) {
    let m = this.messages.find((m) => m.tempId === data.tempId)
    const repeat = Boolean(m)
    m ??= this.store(data)
    if (this.dropAcks-- > 0) return
    const ack = { tempId: m.tempId, messageId: m.id, seq: m.seq, status: 'sent' }
    reply(ack)
    this.say(socket, { event: 'message_ack', data: ack })
    if (repeat) return
    for (const s of this.sockets) if (s.joined) this.say(s, { event: 'new_message', data: m })
    if (this.doubled-- > 0) this.say(socket, { event: 'new_message', data: m })
  }

  store(data = {}) {
    const seq = this.messages.length + 1
    const m = { ...data, conversationId: 'r', id: `m${seq}`, seq, senderId: data.tempId ? 'ann' : 'bob' }
    this.messages.push(m)
    return m
  }
}

function member(server, more = {}) {
  const { report, counts } = tally()
  const m = new Member({
    user: { id: 'ann', name: 'Ann' }, room: 'r', order: new Order(1), report, framing: framing('plain'),
    dial: () => server.dial(), now: () => 0, ackTimeout: 10_000, run: 'x', ...more,
  })
  return { m, counts }
}

test('sends, hears itself, finishes', async () => {
  const { m, counts } = member(new Server())
  await m.start()
  m.send('t1', 'Hello')
  await m.settle()
  await m.finish()
  assert.deepEqual(counts, { readyTime: 1, sent: 1, acks: 1, ackLatency: 1, deliveries: 1, deliveryLatency: 1, finished: 1 })
})

test('a lost ack and a doubled delivery are counted', async () => {
  const server = new Server()
  const { m, counts } = member(server, { ackTimeout: 20 })
  await m.start()
  server.dropAcks = 1
  m.send('t1', 'one')
  await m.settle() // nobody gets it either: the server told nobody
  assert.equal(counts.lostAcks, 1)
  assert.equal(counts.lostDeliveries, 1)
  server.doubled = 1
  m.send('t2', 'two')
  await m.settle()
  assert.equal(counts.duplicates, 1)
  await m.finish()
})

test('comes back, fetches all it missed, sends again what was not acked', async () => {
  const server = new Server()
  const { m, counts } = member(server)
  await m.start()
  m.leave()
  m.send('t1', 'written while away')
  for (let i = 0; i < 7; i++) server.store()
  await m.start()
  await m.settle()
  await m.finish()
  assert.equal(server.messages.length, 8)
  assert.equal(counts.deliveries, 8)
  assert.equal(counts.acks, 1)
  for (const fault of ['lostAcks', 'lostDeliveries', 'duplicates', 'gaps', 'disorder']) assert.equal(counts[fault], undefined, fault)
})

test('a heartbeat while the connection closes does no harm', async () => {
  const server = new Server()
  const { m } = member(server)
  await m.start()
  const socket = server.sockets[0]
  const { send, close } = socket
  socket.close = (code) => { socket.send = () => { throw new Error('InvalidStateError') }; close(code) }
  m.beat()
  assert.equal(socket.send, send)
  const finished = m.finish()
  m.beat()
  await finished
  m.beat()
})

test('a connection that ends by itself is counted and made again', async () => {
  const server = new Server()
  const { m, counts } = member(server)
  await m.start()
  server.sockets[0].close(1012)
  m.send('t1', 'soon')
  await m.settle()
  await m.finish()
  assert.equal(counts.disconnects, 1)
  assert.equal(counts.acks, 1)
  assert.equal(server.sockets.length, 2)
})

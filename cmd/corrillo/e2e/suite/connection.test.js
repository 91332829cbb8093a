import assert from 'node:assert/strict'
import { test } from 'node:test'
import { each } from '../matrix.js'
import { serverURL } from '../scene.js'

each('connection', (it, transport) => {
  it('connects and ends up on its transport', async (scene) => {
    const ann = scene.open('ann')
    await ann.connected()
    await ann.settled(transport.ends)
    assert.equal(ann.transport(), transport.ends)
    assert.ok(ann.socket.id)
  })

  it('identifies', async (scene) => {
    const ann = scene.open('ann')
    await ann.connected()
    const reply = await scene.identify(ann)
    assert.equal(reply.userId, ann.userId)
    assert.equal(reply.sessionId, ann.socket.id)
    assert.ok(Math.abs(Date.parse(reply.serverTime) - Date.now()) < 60_000, reply.serverTime)
  })

  it('runs what came before identify after it, in order', async (scene) => {
    const room = scene.id('early')
    const ann = scene.open('ann')
    await ann.connected()
    const joined = ann.request('join_conversation', room)
    const first = ann.say(room, 'one')
    const second = ann.say(room, 'two')
    await scene.identify(ann)
    assert.equal((await joined).conversationId, room)
    assert.equal((await first).seq, 1)
    assert.equal((await second).seq, 2)
    assert.equal((await ann.message('one')).senderId, ann.userId)
    await ann.message('two')
  })

  it('says not_identified when nobody identifies in time', async (scene) => {
    const ann = scene.open('ann')
    await ann.connected()
    const reply = await ann.request('send_message', { conversationId: scene.id('room'), content: 'who am I', tempId: 't' })
    assert.equal(reply.status, 'failed')
    assert.equal(reply.error.code, 'not_identified')
    assert.ok(ann.socket.connected)
  })

  it('answers a heartbeat with event and callback', async (scene) => {
    const ann = await scene.user('ann')
    ann.emit('heartbeat')
    const beat = await ann.next('heartbeat_ack')
    assert.ok(!Number.isNaN(Date.parse(beat.serverTime)))
    const reply = await ann.request('heartbeat', { any: 'thing' })
    assert.ok(!Number.isNaN(Date.parse(reply.serverTime)))
  })

  it('refuses an unknown event and goes on', async (scene) => {
    const ann = await scene.user('ann')
    const reply = await ann.request('no_such_event', { a: 1 })
    assert.equal(reply.status, 'error')
    assert.equal(reply.error.code, 'invalid_payload')
    assert.equal(reply.error.retryable, false)
    await ann.request('heartbeat')
  })

  it('refuses a namespace that it does not have', async (scene) => {
    const ann = scene.open('ann', { url: `${serverURL}/elsewhere` })
    const err = await ann.until('connect_error', () => ann.lastError)
    assert.ok(err.message)
    assert.equal(ann.connects, 0)
  })

  it('tells the others that a user came and went', async (scene) => {
    const room = scene.id('room')
    const bob = await scene.user('bob', { rooms: [room] })
    const ann = await scene.user('ann', { rooms: [room] })
    const about = (p) => p.userId === ann.userId
    assert.equal((await bob.next('presence', about)).status, 'online')
    ann.emit('typing', { conversationId: room, isTyping: true })
    await bob.next('typing', (t) => about(t) && t.isTyping)
    ann.socket.disconnect()
    await bob.next('typing', (t) => about(t) && !t.isTyping)
    const gone = await bob.next('presence', (p) => about(p) && p.status === 'offline')
    assert.ok(!Number.isNaN(Date.parse(gone.lastSeen)))
    assert.equal(bob.all('presence', about).length, 2)
  })
})

test('a client of Engine.IO 3 is told why it is refused', async () => {
  const response = await fetch(`${serverURL}/socket.io/?EIO=3&transport=polling`)
  assert.equal(response.status, 400)
  assert.deepEqual(await response.json(), { code: 5, message: 'Unsupported protocol version' })
})

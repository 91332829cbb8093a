import assert from 'node:assert/strict'
import { each } from '../matrix.js'

each('messages', (it, transport) => {
  it('acks the sender and reaches everyone in the room', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    const ack = await ann.request('send_message', { conversationId: room, content: 'hello', tempId: 't1' })

    assert.equal(ack.status, 'sent')
    assert.equal(ack.tempId, 't1')
    assert.equal(ack.conversationId, room)
    assert.equal(ack.seq, 1)
    assert.ok(ack.messageId)
    assert.ok(!Number.isNaN(Date.parse(ack.createdAt)))
    assert.deepEqual(await ann.next('message_ack'), ack)

    for (const client of [ann, bob]) {
      const got = await client.message('hello')
      assert.deepEqual(got, {
        id: ack.messageId, conversationId: room, seq: 1, senderId: ann.userId, senderName: 'ann',
        content: 'hello', type: 'text', tempId: 't1', createdAt: ack.createdAt,
      })
    }
    const order = ann.log.map((e) => e.event).filter((e) => e === 'message_ack' || e === 'new_message')
    assert.deepEqual(order, ['message_ack', 'new_message'])
    assert.equal(ann.replies.find((r) => r.event === 'send_message').at <= ann.log.findIndex((e) => e.event === 'new_message'), true)
    assert.equal(bob.all('message_ack').length, 0)
  })

  it('acks by event alone when there is no callback', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    ann.emit('send_message', { conversationId: room, content: 'quiet', tempId: 't1', senderId: ann.userId })
    const ack = await ann.next('message_ack')
    assert.equal(ack.status, 'sent')
    assert.equal((await ann.message('quiet')).id, ack.messageId)
  })

  it('keeps rooms apart', async (scene) => {
    const [red, blue] = [scene.id('red'), scene.id('blue')]
    const ann = await scene.user('ann', { rooms: [red, blue] })
    const bob = await scene.user('bob', { rooms: [blue] })
    const eve = await scene.user('eve', { rooms: [red] })
    await ann.say(red, 'for red')
    await ann.say(blue, 'for blue')
    await bob.message('for blue')
    await eve.message('for red')
    await ann.say(blue, 'again blue')
    await ann.say(red, 'again red')
    await bob.message('again blue')
    await eve.message('again red')
    assert.deepEqual(bob.messages().map((m) => m.content), ['for blue', 'again blue'])
    assert.deepEqual(eve.messages().map((m) => m.content), ['for red', 'again red'])
    const left = await eve.request('leave_conversation', red)
    assert.equal(left.status, 'ok')
    await ann.say(red, 'without eve')
    await ann.message('without eve')
    await eve.request('heartbeat')
    assert.equal(eve.messages().length, 2)
  })

  it('keeps the order of 50 for everyone', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    const wanted = Array.from({ length: 50 }, (_, i) => `no. ${i}`)
    const acks = await Promise.all(wanted.map((content) => ann.say(room, content)))
    assert.deepEqual(acks.map((a) => a.seq), wanted.map((_, i) => i + 1))
    for (const client of [ann, bob]) {
      await client.message(wanted.at(-1))
      assert.deepEqual(client.messages().map((m) => m.content), wanted)
      assert.deepEqual(client.messages().map((m) => m.seq), wanted.map((_, i) => i + 1))
    }
  })

  it('answers a repeated tempId with the first ack and delivers once', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    const message = { conversationId: room, content: 'once', tempId: 'same' }
    const [first, twin] = await Promise.all([ann.request('send_message', message), ann.request('send_message', message)])
    const later = await ann.request('send_message', message)
    assert.deepEqual(twin, first)
    assert.deepEqual(later, first)
    const other = await ann.request('send_message', { ...message, content: 'another' })
    assert.equal(other.status, 'failed')
    assert.equal(other.error.code, 'conflict')
    const next = await ann.say(room, 'after')
    assert.equal(next.seq, first.seq + 1)
    for (const client of [ann, bob]) {
      await client.message('after')
      assert.deepEqual(client.messages().map((m) => m.content), ['once', 'after'])
    }
  })

  it('lets nobody speak for another', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const forged = { conversationId: room, content: 'I am bob', senderId: scene.id('bob'), tempId: 'f' }
    const ack = await ann.request('send_message', forged)
    assert.equal(ack.status, 'failed')
    assert.equal(ack.error.code, 'forbidden')
    assert.equal(ack.error.retryable, false)
    ann.emit('send_message', { ...forged, tempId: 'g' })
    const failed = await ann.next('message_ack', (a) => a.tempId === 'g')
    assert.equal(failed.error.code, 'forbidden')
    const error = await ann.next('error', (e) => e.tempId === 'g')
    assert.equal(error.code, 'forbidden')
    assert.equal((await ann.say(room, 'I am ann')).seq, 1)
    await ann.message('I am ann')
    assert.equal(ann.messages().length, 1)
  })

  it('names the field of a bad payload', async (scene) => {
    const ann = await scene.user('ann')
    const nowhere = await ann.request('send_message', { content: 'to whom' })
    assert.equal(nowhere.error.code, 'invalid_payload')
    const odd = await ann.request('send_message', { conversationId: scene.id('room'), content: 17 })
    assert.equal(odd.error.code, 'invalid_payload')
    assert.match(odd.error.message, /^content/)
    assert.ok(ann.socket.connected)
  })

  it('keeps extra fields, metadata, type and replyTo', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    const more = {
      type: 'image', replyTo: 'some-id', metadata: { width: 640, alt: 'a cat "x"', deep: [1, { two: null }] },
      clientVersion: '1.2.3', priority: 5, tags: ['a', 'b'],
    }
    await ann.say(room, 'with more', more)
    for (const got of [await ann.message('with more'), await bob.message('with more')]) {
      for (const [key, value] of Object.entries(more)) assert.deepEqual(got[key], value, key)
    }
    const page = await bob.request('get_history', { conversationId: room, limit: 10 })
    for (const [key, value] of Object.entries(more)) assert.deepEqual(page.messages[0][key], value, key)
  })

  it('brings bytes through the database as bytes', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    const pixels = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256))
    const voice = Buffer.from([0, 255, 1, 254])
    const metadata = { kind: 'photo', pixels, parts: [{ voice }] }
    const ack = await ann.say(room, 'see this', { type: 'image', metadata })
    const check = (where, got) => {
      assert.ok(Buffer.isBuffer(got.metadata.pixels), `${where}: ${typeof got.metadata.pixels}`)
      assert.deepEqual(got.metadata, metadata, where)
    }
    check('ann', await ann.message('see this'))
    check('bob', await bob.message('see this'))
    const page = await bob.request('get_history', { conversationId: room, limit: 10 })
    assert.equal(page.messages[0].id, ack.messageId)
    check('history', page.messages[0])
    await ann.say(room, 'and text again')
    await bob.message('and text again')
  })

  it('carries 60 kB of UTF-8', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    const unit = 'añ€漢𝄞😀"\\\n\u2028'
    let long = ''
    while (Buffer.byteLength(long) < 60_000) long += unit
    await ann.say(room, long, { tempId: 'long' })
    assert.equal((await bob.next('new_message')).content, long)
    const page = await bob.request('get_history', { conversationId: room, limit: 1 })
    assert.equal(page.messages[0].content, long)
  })

  it('takes volatile events', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    await ann.settled(transport.ends)
    // The client itself drops a volatile event while a request is on its way
    // out, so it is said again until one gets through.
    const seen = bob.next('typing', (t) => t.userId === ann.userId)
    let done = false
    seen.finally(() => { done = true }).catch(() => {})
    while (!done) {
      ann.socket.volatile.emit('typing', { conversationId: room, isTyping: true })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.equal((await seen).isTyping, true)
    // It is on the same way as all else, and in order.
    assert.equal((await ann.say(room, 'not volatile')).seq, 1)
    await bob.message('not volatile')
  })

  it('edits and deletes', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    const { messageId } = await ann.say(room, 'frist')
    const edited = await ann.request('edit_message', { messageId, content: 'first' })
    assert.equal(edited.status, 'ok')
    assert.equal(edited.message.content, 'first')
    const update = await bob.next('message_updated')
    assert.equal(update.content, 'first')
    assert.equal(update.rev, 1)
    const stranger = await bob.request('delete_message', { messageId })
    assert.equal(stranger.error.code, 'forbidden')
    const deleted = await ann.request('delete_message', { messageId })
    assert.equal(deleted.status, 'ok')
    const gone = await bob.next('message_deleted')
    assert.equal(gone.messageId, messageId)
    assert.equal(gone.deletedBy, ann.userId)
    const page = await bob.request('get_history', { conversationId: room })
    assert.equal(page.messages.length, 1)
    assert.equal(page.messages[0].content, '')
    assert.ok(page.messages[0].deletedAt)
  })
})

import assert from 'node:assert/strict'
import { each } from '../matrix.js'
import { webhookSecret } from '../scene.js'

each('webhook', (it) => {
  it('refuses who does not know the secret', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const body = { conversationId: room, senderId: 'back-end', content: 'forged' }
    assert.equal((await scene.post('/webhook/new-message', body, null)).status, 401)
    assert.equal((await scene.post('/webhook/new-message', body, 'Bearer wrong')).status, 401)
    assert.equal((await scene.post('/webhook/new-message', body, `${webhookSecret}x`)).status, 401)
    await ann.say(room, 'mine')
    await ann.message('mine')
    assert.deepEqual(ann.messages().map((m) => m.content), ['mine'])
  })

  it('takes Bearer and the bare secret and delivers', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    const post = (body, authorization) => scene.post('/webhook/new-message', body, authorization)
    const base = { conversationId: room, senderId: scene.id('robot'), senderName: 'Robot' }

    const flat = await post({ ...base, content: 'flat', origin: 'cron' }, `Bearer ${webhookSecret}`)
    assert.equal(flat.status, 200, JSON.stringify(flat.answer))
    assert.equal(flat.answer.conversationId, room)
    assert.equal(flat.answer.seq, 1)
    const wrapped = await post({ message: { ...base, content: 'wrapped' } }, webhookSecret)
    assert.equal(wrapped.status, 200, JSON.stringify(wrapped.answer))
    for (const client of [ann, bob]) {
      const got = await client.message('flat')
      assert.equal(got.id, flat.answer.messageId)
      assert.equal(got.senderName, 'Robot')
      assert.equal(got.origin, 'cron')
      assert.equal((await client.message('wrapped')).seq, 2)
    }
  })

  it('stores a message that the back end has saved once', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const body = { id: scene.id('msg'), conversationId: room, senderId: scene.id('robot'), content: 'saved before' }
    const first = await scene.post('/webhook/new-message', body)
    const second = await scene.post('/webhook/new-message', body)
    assert.equal(first.status, 200, JSON.stringify(first.answer))
    assert.equal(first.answer.messageId, body.id)
    assert.equal(second.status, 200, JSON.stringify(second.answer))
    assert.equal(second.answer.seq, first.answer.seq)
    const next = await ann.say(room, 'then ann')
    assert.equal(next.seq, first.answer.seq + 1)
    await ann.message('then ann')
    assert.deepEqual(ann.messages().map((m) => m.content), ['saved before', 'then ann'])
  })

  it('brings a direct message to all devices of both', async (scene) => {
    const ann = await scene.user('ann')
    const bob = await scene.user('bob')
    const { status, answer } = await scene.post('/webhook/new-message', { senderId: ann.userId, receiverId: bob.userId, content: 'from the site' })
    assert.equal(status, 200, JSON.stringify(answer))
    for (const client of [ann, bob]) assert.equal((await client.message('from the site')).receiverId, bob.userId)
  })

  it('passes on events of its own', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob')
    const toRoom = await scene.post('/webhook/emit', { event: 'poll_opened', data: { question: 'tea?' }, conversationId: room })
    assert.equal(toRoom.status, 200, JSON.stringify(toRoom.answer))
    assert.deepEqual(await ann.next('poll_opened'), { question: 'tea?' })
    const toUser = await scene.post('/webhook/notification', { data: { title: 'Hi' }, userId: bob.userId })
    assert.equal(toUser.status, 200, JSON.stringify(toUser.answer))
    assert.deepEqual(await bob.next('notification'), { title: 'Hi' })
    const forged = await scene.post('/webhook/emit', { event: 'new_message', data: {}, userId: bob.userId })
    assert.equal(forged.status, 400)
    assert.equal(bob.all('poll_opened').length, 0)
  })

  it('names the field of a malformed body', async (scene) => {
    const { status, answer } = await scene.post('/webhook/new-message', { conversationId: scene.id('room'), content: 'by nobody' })
    assert.equal(status, 400)
    assert.match(JSON.stringify(answer), /senderId/)
  })

  it('revokes a user for good', async (scene) => {
    const ann = await scene.user('ann')
    const { status } = await scene.post('/webhook/revoke', { userId: ann.userId })
    assert.equal(status, 200)
    await ann.next('session_revoked')
    await ann.disconnected()
    assert.equal(ann.lastReason, 'io server disconnect')
  })
})

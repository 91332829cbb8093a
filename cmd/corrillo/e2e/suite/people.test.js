import assert from 'node:assert/strict'
import { each } from '../matrix.js'

each('people', (it) => {
  it('brings a direct message to every device but the sending one', async (scene) => {
    const ann = await scene.user('ann')
    const tablet = await scene.user('ann')
    const bob = await scene.user('bob')
    const phone = await scene.user('bob')
    const eve = await scene.user('eve')
    const ack = await ann.request('send_message', { receiverId: bob.userId, content: 'psst', tempId: 't1' })
    assert.equal(ack.status, 'sent')
    assert.equal(ack.conversationId, undefined)
    assert.match(ack.directId, /^dm:/)
    for (const client of [bob, phone, tablet]) {
      const got = await client.message('psst')
      assert.deepEqual(got, {
        id: ack.messageId, receiverId: bob.userId, directId: ack.directId, seq: 1, senderId: ann.userId,
        senderName: 'ann', content: 'psst', type: 'text', tempId: 't1', createdAt: ack.createdAt,
      })
    }
    const answer = await bob.request('send_message', { receiverId: ann.userId, content: 'yes?', tempId: 't1' })
    assert.equal(answer.directId, ack.directId)
    assert.equal(answer.seq, 2)
    for (const client of [ann, tablet, phone]) await client.message('yes?')
    const byId = await tablet.request('send_message', { conversationId: ack.directId, content: 'by id', tempId: 't2' })
    assert.equal(byId.status, 'sent')
    for (const client of [ann, bob, phone]) await client.message('by id')
    assert.deepEqual(ann.messages().map((m) => m.content), ['yes?', 'by id'])
    assert.deepEqual(bob.messages().map((m) => m.content), ['psst', 'by id'])
    assert.deepEqual(tablet.messages().map((m) => m.content), ['psst', 'yes?'])
    await eve.request('heartbeat')
    assert.equal(eve.messages().length, 0)
  })

  it('does not echo a direct message to a socket that joined it', async (scene) => {
    const ann = await scene.user('ann')
    const bob = await scene.user('bob')
    const joined = await ann.request('join_conversation', { receiverId: bob.userId })
    assert.equal(joined.status, 'ok')
    await ann.request('send_message', { receiverId: bob.userId, content: 'one', tempId: '1' })
    await bob.request('send_message', { receiverId: ann.userId, content: 'two', tempId: '1' })
    await ann.message('two')
    await bob.message('one')
    assert.deepEqual(ann.messages().map((m) => m.content), ['two'])
    assert.deepEqual(bob.messages().map((m) => m.content), ['one'])
  })

  it('tells the others who types, and nobody else', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    const eve = await scene.user('eve')
    const reply = await ann.request('typing', { conversationId: room, isTyping: true })
    assert.equal(reply.status, 'ok')
    assert.deepEqual(await bob.next('typing'), { conversationId: room, userId: ann.userId, username: 'ann', isTyping: true })
    ann.emit('typing', { conversationId: room, isTyping: false })
    await bob.next('typing', (t) => !t.isTyping)
    ann.emit('typing', { receiverId: eve.userId })
    const whisper = await eve.next('typing')
    assert.equal(whisper.receiverId, eve.userId)
    assert.equal(whisper.userId, ann.userId)
    assert.equal(whisper.isTyping, true)
    assert.equal(eve.all('typing').length, 1)
    assert.equal(ann.all('typing').length, 0)
  })

  it('moves read marks by message id alone', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    const acks = [await ann.say(room, 'one'), await ann.say(room, 'two'), await ann.say(room, 'three')]

    const first = await bob.request('read_message', acks[0].messageId)
    assert.deepEqual({ ...first }, { status: 'ok', conversationId: room, readSeq: 1 })
    const read = await ann.next('message_read', (r) => r.userId === bob.userId && r.seq === 1)
    assert.equal(read.messageId, acks[0].messageId)
    assert.equal(read.conversationId, room)

    const third = await bob.request('mark_read', { messageId: acks[2].messageId })
    assert.equal(third.readSeq, 3)
    await ann.next('message_read', (r) => r.userId === bob.userId && r.seq === 3)
    const back = await bob.request('read_message', { messageId: acks[1].messageId })
    assert.equal(back.readSeq, 3)
    const none = await bob.request('read_message', 'no-such-message')
    assert.equal(none.error.code, 'not_found')

    const again = await bob.request('join_conversation', { conversationId: room })
    assert.equal(again.readSeq, 3)
    assert.equal(again.unread, 0)
  })

  it('lists conversations and who is there', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    await ann.say(room, 'in the room')
    await ann.request('send_message', { receiverId: bob.userId, content: 'in private', tempId: 'p' })
    const list = await bob.request('get_conversations', { limit: 10 })
    const entries = list.conversations ?? list
    assert.deepEqual(entries.map((c) => c.lastMessage.content).sort(), ['in private', 'in the room'])
    const direct = entries.find((c) => c.directId)
    assert.equal(direct.receiverId, ann.userId)
    assert.equal(direct.unread, 1)
    const presence = await bob.request('get_presence', { userIds: [ann.userId, scene.id('nobody')] })
    assert.equal(presence[ann.userId].status, 'online')
    assert.notEqual(presence[scene.id('nobody')]?.status, 'online')
  })

  it('lists members, page by page, with read marks and presence', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    const eve = await scene.user('eve')
    await ann.say(room, 'one')
    await bob.request('mark_read', { conversationId: room, seq: 1 })
    const { userId: zoe } = await scene.user('zoe', { rooms: [room] })
    const list = await bob.request('get_members', { conversationId: room })
    assert.equal(list.status, 'ok')
    assert.equal(list.cursor, undefined)
    assert.deepEqual(list.members.map((m) => [m.userId, m.role, m.readSeq, m.status]),
      [[ann.userId, 'member', 1, 'online'], [bob.userId, 'member', 1, 'online'], [zoe, 'member', 0, 'online']])
    assert.ok(list.members.every((m) => !Number.isNaN(Date.parse(m.lastSeen))))

    const ids = []
    let cursor
    do {
      const page = await bob.request('get_members', { conversationId: room, limit: 1, cursor })
      assert.equal(page.members.length, 1)
      ids.push(page.members[0].userId)
      cursor = page.cursor
      if (!cursor) continue
      const elsewhere = await bob.request('get_members', { receiverId: eve.userId, cursor })
      assert.equal(elsewhere.error.code, 'invalid_payload')
    } while (cursor)
    assert.deepEqual(ids, [ann.userId, bob.userId, zoe])

    const pair = await bob.request('get_members', { receiverId: eve.userId })
    assert.deepEqual(pair.members.map((m) => [m.userId, m.readSeq, m.status]), [[bob.userId, 0, 'online'], [eve.userId, 0, 'online']])
  })
})

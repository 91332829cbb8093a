import assert from 'node:assert/strict'
import { canRecover, each } from '../matrix.js'

// rejoin is what an app does in its connect handler.
async function rejoin(scene, client, room, afterSeq) {
  await scene.identify(client)
  return client.request('join_conversation', { conversationId: room, afterSeq })
}

each('reconnect', (it, transport) => {
  it('comes back after its transport is closed, and catches up by seq', async (scene) => {
    const room = scene.id('room')
    const ann = await scene.user('ann', { rooms: [room] })
    const bob = await scene.user('bob', { rooms: [room] })
    await ann.settled(transport.ends)
    await bob.say(room, 'before')
    await ann.message('before')
    ann.socket.io.engine.close()
    await ann.connected(2)
    await bob.say(room, 'between')
    const joined = await rejoin(scene, ann, room, 1)
    assert.deepEqual(joined.missed.map((m) => m.content), ['between'])
    assert.equal(joined.lastSeq, 2)
    assert.equal(joined.hasMore, false)
    await bob.say(room, 'after')
    await ann.message('after')
    assert.equal(ann.messages((m) => m.content === 'after').length, 1)
  })

  it('comes back after the connection is cut', async (scene) => {
    const room = scene.id('room')
    const line = await scene.line()
    const ann = await scene.user('ann', { rooms: [room], url: line.url })
    await ann.settled(transport.ends)
    line.cut()
    await ann.disconnected()
    line.mend()
    await ann.connected(2)
    await rejoin(scene, ann, room, 0)
    const ack = await ann.say(room, 'here again')
    assert.equal(ack.seq, 1)
    await ann.message('here again')
  })

  it('gets what it buffered offline through, flushed before identify', async (scene) => {
    const room = scene.id('room')
    const line = await scene.line()
    const bob = await scene.user('bob', { rooms: [room] })
    const ann = await scene.user('ann', { rooms: [room], url: line.url })
    await ann.settled(transport.ends)
    line.cut()
    await ann.disconnected()
    const acks = ['one', 'two', 'three'].map((content) => ann.say(room, content))
    // As an app does it: identify only when connect is seen, after the flush.
    ann.socket.on('connect', () => ann.emit('identify', { userId: ann.userId, username: 'ann' }))
    line.mend()
    assert.deepEqual((await Promise.all(acks)).map((a) => a.seq), [1, 2, 3])
    await bob.message('three')
    assert.deepEqual(bob.messages().map((m) => m.content), ['one', 'two', 'three'])
  })

  it('resends after a lost ack and gets the first one', async (scene) => {
    const room = scene.id('room')
    const line = await scene.line()
    const bob = await scene.user('bob', { rooms: [room] })
    const ann = await scene.user('ann', { rooms: [room], url: line.url })
    await ann.settled(transport.ends)
    const message = { conversationId: room, content: 'in doubt', tempId: 'd' }
    ann.emit('send_message', message)
    const got = await bob.message('in doubt')
    line.cut()
    await ann.disconnected()
    line.mend()
    await ann.connected(2)
    await scene.identify(ann)
    const ack = await ann.request('send_message', message)
    assert.equal(ack.messageId, got.id)
    assert.equal(ack.seq, got.seq)
    await ann.say(room, 'then')
    await bob.message('then')
    assert.deepEqual(bob.messages().map((m) => m.content), ['in doubt', 'then'])
  })
})

if (canRecover) {
  each('recovery', (it, transport) => {
    // away runs the absence of ann and returns her, recovered.
    async function away(scene, how, meanwhile, prepare = async () => {}) {
      const room = scene.id('room')
      const line = await scene.line()
      const ann = await scene.user('ann', { rooms: [room], url: line.url })
      await ann.settled(transport.ends)
      await prepare(ann, room)
      const { id } = ann.socket
      const seen = ann.log.length
      line[how]()
      await ann.disconnected()
      await meanwhile(room)
      line.mend()
      await ann.connected(2)
      assert.equal(ann.socket.recovered, true, 'not recovered')
      assert.equal(ann.socket.id, id)
      return { ann, room, seen }
    }

    for (const [how, label] of [['cut', 'cut'], ['abandon', 'lost and not yet noticed dead']]) {
      it(`gets what it missed while ${label}`, async (scene) => {
        const bob = await scene.user('bob')
        const { ann, room } = await away(scene, how, async (room) => {
          for (const content of ['two', 'three', 'four']) await bob.say(room, content)
        }, async (ann, room) => {
          await bob.say(room, 'one')
          await ann.message('one')
        })
        await ann.message('four')
        await bob.say(room, 'five')
        await ann.message('five')
        assert.deepEqual(ann.messages().map((m) => m.content), ['one', 'two', 'three', 'four', 'five'])
        assert.deepEqual(ann.messages().map((m) => m.seq), [1, 2, 3, 4, 5])
      })

      it(`gets what it missed while ${label}, having received nothing before`, async (scene) => {
        const bob = await scene.user('bob')
        const { ann, room, seen } = await away(scene, how, async (room) => {
          await bob.say(room, 'one')
          await bob.say(room, 'two')
        })
        assert.equal(seen, 0, `ann had received ${JSON.stringify(ann.log)}`)
        await bob.say(room, 'three')
        await ann.message('three')
        assert.deepEqual(ann.messages().map((m) => m.content), ['one', 'two', 'three'])
      })
    }

    it('is still identified and joined', async (scene) => {
      const bob = await scene.user('bob')
      const { ann, room } = await away(scene, 'cut', async () => {})
      const ack = await ann.say(room, 'it is still me')
      assert.equal(ack.seq, 1)
      assert.equal((await ann.message('it is still me')).senderId, ann.userId)
      await bob.request('send_message', { receiverId: ann.userId, content: 'I know', tempId: 'k' })
      await ann.message('I know')
    })

    it('gives a direct message missed offline', async (scene) => {
      const bob = await scene.user('bob')
      const { ann } = await away(scene, 'cut', async () => {
        await bob.request('send_message', { receiverId: scene.id('ann'), content: 'call me', tempId: 'c' })
      })
      await ann.message('call me')
      assert.equal(ann.messages().length, 1)
    })

    it('says when it cannot', async (scene) => {
      const room = scene.id('room')
      const ann = await scene.user('ann', { rooms: [room] })
      // What the client hands back is not a session of this server.
      ann.socket._pid = 'no-such-session'
      ann.socket.io.engine.close()
      await ann.connected(2)
      assert.equal(ann.socket.recovered, false)
    })
  })
}

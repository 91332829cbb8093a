import assert from 'node:assert/strict'
import { each } from '../matrix.js'
import { Server } from '../server.js'

each('restart', (it, transport) => {
  it('comes back after SIGTERM when the server is there again', async (scene) => {
    const server = await Server.start()
    try {
      const room = scene.id('room')
      const ann = await scene.user('ann', { rooms: [room], url: server.url })
      const bob = await scene.user('bob', { rooms: [room], url: server.url })
      await ann.settled(transport.ends)
      await ann.say(room, 'before')
      await bob.message('before')

      const ended = server.stop()
      await Promise.all([ann.disconnected(), bob.disconnected()])
      assert.notEqual(ann.lastReason, 'io server disconnect', 'the client would never come back')
      assert.equal(await ended, 0)
      await Promise.all([ann.disconnected(), bob.disconnected()])
      const pending = ann.say(room, 'meanwhile')
      await server.again()

      await Promise.all([ann.connected(2), bob.connected(2)])
      await scene.identify(bob)
      const joined = await bob.request('join_conversation', { conversationId: room, afterSeq: 1 })
      await scene.identify(ann)
      assert.equal((await pending).seq, 2)
      const heard = joined.missed.map((m) => m.content)
      if (heard.length === 0) heard.push((await bob.message('meanwhile')).content)
      assert.deepEqual(heard, ['meanwhile'])
    } finally {
      await server.remove()
    }
  })
})

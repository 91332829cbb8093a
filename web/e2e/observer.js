// A client in Node with socket.io-client as it is: it sees what browsers see,
// and asks the server what is stored.
import assert from 'node:assert/strict'
import { io } from 'socket.io-client'
import { within } from '../testkit/waiting.js'

/** A user without a browser. */
export class Observer {
  /** Connects and identifies. Close it when done. */
  static async connect(url, userId, token) {
    const observer = new Observer()
    observer.userId = userId
    observer.socket = io(url, { forceNew: true, transports: ['websocket'], auth: { token } })
    /** Every event that came, as [name, payload]. */
    observer.events = []
    observer.socket.onAny((event, payload) => observer.events.push([event, payload]))
    await within('the connection', new Promise((resolve) => observer.socket.once('connect', resolve)))
    await observer.ask('identify', { userId, username: userId, token })
    return observer
  }

  /** Emits and resolves with the reply, which must be no failure. */
  async ask(event, payload) {
    const reply = await within(event, this.socket.timeout(20_000).emitWithAck(event, payload))
    assert.ok(!reply?.error, `${event}: ${JSON.stringify(reply)}`)
    return reply
  }

  /** Sends a text to a conversation, or to a person as {receiverId}. */
  send(to, content) {
    return this.ask('send_message', { ...(typeof to === 'string' ? { conversationId: to } : to), content, tempId: crypto.randomUUID() })
  }

  /**
   * Everything that is stored of a conversation, oldest first. What no fault
   * may break holds: seq from 1 without a gap, no id and no tempId twice.
   */
  async stored(conversationId) {
    const address = typeof conversationId === 'string' ? { conversationId } : conversationId
    const all = []
    for (let more = true; more;) {
      const page = await this.ask('get_history', { ...address, afterSeq: all.length, limit: 200 })
      all.push(...page.messages)
      more = page.hasMore
    }
    assert.deepEqual(all.map((m) => m.seq), all.map((_, i) => i + 1), 'seq has no gap')
    const keys = all.map((m) => `${m.senderId} ${m.tempId ?? m.id}`)
    assert.equal(new Set(keys).size, keys.length, 'no message is stored twice')
    return all
  }

  close() {
    this.socket.disconnect()
  }
}

// The events of the chat.

/** The room of all of a user's devices. */
const devicesOf = (userId) => `user:${userId}`

/** `join_conversation "room"` is short for `{conversationId: "room"}`. */
const conversationOf = (data) => String(typeof data === 'object' ? data.conversationId : data)

/**
 * Serves everybody who connects to io.
 * @returns {(message: object) => object} numbers a saved message and emits it,
 *   and gives what was emitted
 */
export function chat(io, store) {
  const online = new Map() // userId -> number of devices
  // A number for each message of a conversation, in the order in which it is
  // told: nothing stores it, it lets a load client see what is missing.
  const told = new Map()

  const count = (conversationId) => {
    const seq = (told.get(conversationId) ?? 0) + 1
    told.set(conversationId, seq)
    return seq
  }

  const roomsOf = (message) =>
    message.conversationId ? message.conversationId : [devicesOf(message.receiverId), devicesOf(message.senderId)]

  io.on('connection', (socket) => {
    let userId
    let username

    socket.on('identify', (data, reply) => {
      if (userId === undefined) {
        userId = String(data.userId)
        username = data.username ?? userId
        online.set(userId, (online.get(userId) ?? 0) + 1)
        socket.join(devicesOf(userId))
      }
      reply?.({ status: 'ok', userId })
    })

    socket.on('join_conversation', (data, reply) => {
      const conversationId = conversationOf(data)
      socket.join(conversationId)
      reply?.({ status: 'ok', conversationId, lastSeq: told.get(conversationId) ?? 0 })
    })

    socket.on('leave_conversation', (data, reply) => {
      socket.leave(conversationOf(data))
      reply?.({ status: 'ok' })
    })

    socket.on('send_message', async ({ tempId, conversationId, receiverId, content, type = 'text' }, reply) => {
      const message = { conversationId, receiverId, senderId: userId, senderName: username, content, type, tempId, createdAt: new Date() }
      let ack
      try {
        if (userId === undefined) throw new Error('identify first')
        message.id = await store.save(message)
        message.seq = count(conversationId ?? receiverId)
        ack = { tempId, messageId: message.id, conversationId, seq: message.seq, createdAt: message.createdAt, status: 'sent' }
      } catch (error) {
        ack = { tempId, status: 'failed', error: error.message }
      }
      reply?.(ack)
      socket.emit('message_ack', ack)
      if (ack.status !== 'sent') return
      // In a group the sender hears the message as well, and drops it by tempId.
      if (conversationId) io.to(conversationId).emit('new_message', message)
      else socket.to(roomsOf(message)).emit('new_message', message)
    })

    socket.on('typing', ({ conversationId, receiverId, isTyping = true }, reply) => {
      socket.to(conversationId ?? devicesOf(receiverId)).emit('typing', { userId, username, conversationId, receiverId, isTyping })
      reply?.({ status: 'ok' })
    })

    const read = async (data, reply) => {
      const { messageId, conversationId } = typeof data === 'object' ? data : { messageId: data }
      const readAt = new Date()
      try {
        const message = await store.markRead(messageId, readAt)
        const room = conversationId ?? message?.conversationId
        const to = room ?? (message && devicesOf(message.senderId))
        if (to) socket.to(to).emit('message_read', { userId, conversationId: room, messageId, readAt })
        reply?.({ status: 'ok' })
      } catch (error) {
        reply?.({ status: 'error', error: error.message })
      }
    }
    socket.on('mark_read', read)
    socket.on('read_message', read)

    socket.on('heartbeat', (_, reply) => {
      const now = { serverTime: new Date() }
      reply?.(now)
      socket.emit('heartbeat_ack', now)
    })

    socket.on('disconnect', () => {
      if (userId === undefined) return
      const devices = online.get(userId) - 1
      if (devices > 0) online.set(userId, devices)
      else online.delete(userId)
    })
  })

  return (message) => {
    const numbered = { ...message, seq: count(message.conversationId ?? message.receiverId) }
    io.to(roomsOf(numbered)).emit('new_message', numbered)
    return numbered
  }
}

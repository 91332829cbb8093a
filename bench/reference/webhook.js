// POST /webhook/new-message: the back end's own messages.
import { timingSafeEqual } from 'node:crypto'

/** The route's handler; without a secret it refuses everything. */
export function webhook(secret, store, deliver) {
  const wanted = Buffer.from(`Bearer ${secret}`)
  const allowed = (given = '') => {
    const bytes = Buffer.from(given)
    return Boolean(secret) && bytes.length === wanted.length && timingSafeEqual(bytes, wanted)
  }
  return async (req, res) => {
    if (!allowed(req.get('authorization'))) return res.status(401).json({ error: 'unauthorized' })
    const given = req.body?.message ?? req.body
    if (!given?.senderId || typeof given.content !== 'string' || !(given.conversationId || given.receiverId)) {
      return res.status(400).json({ error: 'senderId, content, and conversationId or receiverId are needed' })
    }
    const message = { type: 'text', senderName: given.senderId, ...given, createdAt: new Date() }
    // With an id it stands in a table of the back end's already.
    message.id ??= await store.save(message)
    const { id, conversationId, seq } = deliver(message)
    return res.json({ messageId: id, conversationId, seq })
  }
}

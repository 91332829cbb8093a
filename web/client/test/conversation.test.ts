import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Message } from '../src/protocol.js'
import { createRoom, flush, range, seqs } from './room.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('joining', () => {
  it('shows the newest page, and older ones when asked, each once', async () => {
    const room = createRoom()
    room.fill(120)
    const c = room.conversation
    c.subscribe(() => {})
    await flush()
    expect(c.get()).toMatchObject({ status: 'joined', hasOlder: true })
    expect(seqs(c)).toEqual(range(71, 120))
    await Promise.all([c.loadOlder(), c.loadOlder()])
    expect(seqs(c)).toEqual(range(21, 120))
    await c.loadOlder()
    expect(seqs(c)).toEqual(range(1, 120))
    expect(c.get().hasOlder).toBe(false)
  })

  it('takes what arrives while the reply and the page are on their way', async () => {
    const room = createRoom()
    room.fill(3)
    let open = () => {}
    room.gate = new Promise<void>((resolve) => (open = resolve))
    const c = room.conversation
    c.subscribe(() => {})
    await flush()
    room.say('4')
    room.emit('message_updated', { ...room.stored[1], content: 'two', rev: 1 })
    open()
    await flush()
    room.emit('message_updated', { ...room.stored[0], content: 'one', rev: 2 })
    await flush()
    expect(seqs(c)).toEqual([1, 2, 3, 4])
    expect(c.get().messages[0]!.content).toBe('one')
  })

  it('marks as read what comes after the mark was asked for', async () => {
    const room = createRoom()
    room.fill(3)
    const c = room.conversation
    let asked = false
    c.subscribe(() => {
      if (asked || c.get().unread === 0) return
      asked = true // at the first sight of something unread
      c.markRead()
    })
    await flush()
    expect(c.get()).toMatchObject({ readSeq: 3, unread: 0 })
    expect(room.asked('mark_read')).toEqual([{ conversationId: 'room', seq: 3 }])
  })

  it('ends with a refusal, and asks no more', async () => {
    const room = createRoom()
    room.refuse.join_conversation = { code: 'forbidden', retryable: false }
    room.conversation.subscribe(() => {})
    await vi.advanceTimersByTimeAsync(600_000)
    expect(room.conversation.get()).toMatchObject({ status: 'failed', error: { code: 'forbidden' } })
    expect(room.asked('join_conversation')).toHaveLength(1)
  })

  it('tries again while the store is away', async () => {
    const room = createRoom()
    room.fill(1)
    room.refuse.join_conversation = { code: 'unavailable', retryable: true }
    room.conversation.subscribe(() => {})
    await vi.advanceTimersByTimeAsync(5_000)
    room.refuse = {}
    await vi.advanceTimersByTimeAsync(60_000)
    expect(room.conversation.get().status).toBe('joined')
    expect(seqs(room.conversation)).toEqual([1])
  })

  it('is joining until there is something to show, and without a connection', async () => {
    const room = createRoom()
    room.fill(3)
    room.up = false
    room.conversation.subscribe(() => {})
    expect(room.conversation.get().status).toBe('joining')
    let seen: number[] | undefined
    room.conversation.subscribe(() => {
      if (room.conversation.get().status === 'joined') seen ??= seqs(room.conversation)
    })
    room.back()
    await flush()
    expect(seen).toEqual([1, 2, 3])
  })

  it('joins anew when it was left before the answer', async () => {
    const room = createRoom()
    let answer = () => {}
    room.gate = new Promise<void>((resolve) => (answer = resolve))
    const stop = room.conversation.subscribe(() => {})
    stop()
    await vi.advanceTimersByTimeAsync(5_000)
    let answerAgain = () => {}
    room.gate = new Promise<void>((resolve) => (answerAgain = resolve))
    room.conversation.subscribe(() => {})
    answer() // to the join that was taken back
    await flush()
    expect(room.conversation.get().status).toBe('joining')
    answerAgain()
    await flush()
    expect(room.requests.map(([event]) => event).filter((event) => /join|leave/.test(event)))
      .toEqual(['join_conversation', 'leave_conversation', 'join_conversation'])
    expect(room.conversation.get().status).toBe('joined')
  })

  it('joins for who looks again, when the first join failed while nobody did', async () => {
    const room = createRoom()
    room.refuse.join_conversation = { code: 'unavailable', retryable: true }
    room.gate = new Promise<void>((resolve) => setTimeout(resolve, 500))
    const stop = room.conversation.subscribe(() => {})
    stop()
    await vi.advanceTimersByTimeAsync(600)
    room.refuse = {}
    room.conversation.subscribe(() => {})
    await vi.advanceTimersByTimeAsync(60_000)
    expect(room.conversation.get().status).toBe('joined')
  })

  it('changes once for each message', async () => {
    const room = createRoom()
    let calls = 0
    room.conversation.subscribe(() => calls++)
    await flush()
    calls = 0
    room.say('1')
    await flush()
    expect(calls).toBe(1)
  })

  it('leaves a moment after nobody looks any more, and not when somebody looks again', async () => {
    const room = createRoom()
    const stop = room.conversation.subscribe(() => {})
    await flush()
    stop()
    const again = room.conversation.subscribe(() => {})
    await vi.advanceTimersByTimeAsync(5_000)
    expect(room.asked('leave_conversation')).toEqual([])
    again()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(room.asked('leave_conversation')).toEqual([{ conversationId: 'room' }])
    expect(room.asked('join_conversation')).toHaveLength(1)
  })
})

describe('a connection that was away', () => {
  async function open(n: number) {
    const room = createRoom()
    room.fill(n)
    room.conversation.subscribe(() => {})
    await flush()
    return room
  }

  it('asks for what came after the last message, and for what was changed', async () => {
    const room = await open(3)
    room.drop()
    expect(room.conversation.get().status).toBe('stale')
    room.fill(2)
    room.stored[0] = { ...room.stored[0]!, content: 'one', rev: ++room.rev }
    room.back()
    await flush()
    expect(room.asked('join_conversation').at(-1)).toEqual({ conversationId: 'room', afterSeq: 3, afterRev: 0 })
    expect(room.conversation.get().messages.map((m) => m.content)).toEqual(['one', '2', '3', '4', '5'])
  })

  it('pages through a middling gap, and begins anew after a wide one', async () => {
    const room = await open(10)
    room.drop()
    room.fill(350)
    room.back()
    await flush()
    expect(seqs(room.conversation)).toEqual(range(1, 360))
    room.drop()
    room.fill(5_000)
    room.back()
    await flush()
    expect(seqs(room.conversation)).toEqual(range(5_311, 5_360))
    expect(room.conversation.get().hasOlder).toBe(true)
  })

  it('keeps what it holds when acks overtake the reply', async () => {
    const room = await open(60)
    room.drop()
    let answer = () => {}
    room.gate = new Promise<void>((resolve) => (answer = resolve))
    room.back()
    await flush()
    const entry = { tempId: 't', address: { conversationId: 'room' }, draft: { content: 'mine' }, createdAt: '', state: 'pending' as const }
    const message = room.write('mine', 'ann', { tempId: 't' })
    room.outbox({ type: 'acked', entry, ack: { tempId: 't', messageId: message.id, conversationId: 'room', seq: 61, createdAt: message.createdAt, status: 'sent' } })
    answer()
    await flush()
    expect(seqs(room.conversation)).toEqual(range(11, 61))
    expect(room.asked('get_history')).toHaveLength(1)
  })

  it('asks again when more was changed than one reply holds', async () => {
    const room = await open(250)
    await room.conversation.loadOlder(200)
    room.drop()
    room.stored.forEach((message, i) => (room.stored[i] = { ...message, content: 'new', rev: ++room.rev }))
    room.back()
    await flush()
    expect(room.asked('join_conversation').map((p) => p.afterRev)).toEqual([undefined, 0, 200])
    expect(new Set(room.conversation.get().messages.map((m) => m.content))).toEqual(new Set(['new']))
  })

  it('asks again when the reply ended before its number of changes, for their bytes', async () => {
    const room = await open(10)
    room.drop()
    room.stored.forEach((message, i) => (room.stored[i] = { ...message, content: 'new', rev: ++room.rev }))
    room.most = 4
    room.back()
    await flush()
    expect(room.asked('join_conversation').map((p) => p.afterRev)).toEqual([undefined, 0, 4, 8])
    expect(new Set(room.conversation.get().messages.map((m) => m.content))).toEqual(new Set(['new']))
  })

  it('is content with less than was promised', async () => {
    const room = await open(3)
    room.drop()
    room.lastSeq = 5
    room.back()
    await flush()
    expect(room.conversation.get().status).toBe('joined')
    expect(seqs(room.conversation)).toEqual([1, 2, 3])
    expect(room.asked('get_history').length).toBeLessThan(4)
  })

  it('is content with a history that has lost its end, or all of it', async () => {
    for (const there of [0, 30]) {
      const room = createRoom()
      room.fill(there)
      room.lastSeq = 5_000
      room.conversation.subscribe(() => {})
      await vi.advanceTimersByTimeAsync(1)
      expect(room.asked('get_history').length).toBeLessThan(4)
      expect(room.conversation.get().status).toBe('joined')
      expect(seqs(room.conversation)).toEqual(range(1, there))
    }
  })

  it('tells a refused read mark ever more rarely, and marks in a row as few', async () => {
    const room = await open(9)
    for (let seq = 1; seq <= 9; seq++) room.conversation.markRead(seq)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(room.asked('mark_read').map((p) => p.seq)).toEqual([1, 9])
    room.refuse.mark_read = { code: 'unavailable', retryable: true }
    room.say('10')
    room.conversation.markRead()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(room.asked('mark_read').length).toBeLessThan(15)
    room.refuse.mark_read = { code: 'forbidden', retryable: false }
    await vi.advanceTimersByTimeAsync(60_000)
    const before = room.asked('mark_read').length
    await vi.advanceTimersByTimeAsync(60_000)
    expect(room.asked('mark_read')).toHaveLength(before)
    expect(room.reported).toEqual(['forbidden'])
  })

  it('hands listeners what they missed, each message once, and what was changed', async () => {
    const room = await open(2)
    const heard: unknown[] = []
    for (const event of ['new_message', 'message_updated', 'message_deleted']) {
      room.listen(event, (data) => heard.push([event, data.seq]))
    }
    room.drop()
    room.fill(1)
    room.stored[0] = { ...room.stored[0]!, content: 'one', rev: ++room.rev }
    room.stored[1] = { ...room.stored[1]!, content: '', deletedAt: 'now', deletedBy: 'bob', rev: ++room.rev }
    room.back()
    await flush()
    expect(heard).toEqual([['new_message', 3], ['message_updated', 1], ['message_deleted', 2]])
    heard.length = 0
    room.write('4')
    room.say('5')
    await flush()
    expect(heard).toEqual([['new_message', 5], ['new_message', 4]])
  })

  it('hands a message that came beside the reply to listeners once, though history has it too', async () => {
    const room = await open(1)
    const heard: number[] = []
    room.listen('new_message', (message) => heard.push(message.seq))
    room.drop()
    room.fill(250) // more than one reply brings
    let answer = () => {}
    room.gate = new Promise<void>((resolve) => (answer = resolve))
    room.back()
    await flush()
    room.say('live')
    // An ack that comes late for what is shown already.
    const entry = { tempId: 't', address: { conversationId: 'room' }, draft: { content: '1' }, createdAt: '', state: 'pending' as const }
    room.outbox({ type: 'acked', entry, ack: { tempId: 't', messageId: 'm1', conversationId: 'room', seq: 1, createdAt: '', status: 'sent' } })
    answer()
    await flush()
    expect(seqs(room.conversation)).toEqual(range(1, 252))
    expect([...heard].sort((x, y) => x - y)).toEqual(range(2, 252))
  })

  it('joins again when the session was recovered before its join was answered', async () => {
    const room = await open(1)
    room.refuse.join_conversation = { code: 'unavailable', retryable: true }
    room.drop()
    room.back()
    await flush()
    room.drop()
    room.refuse = {}
    room.fill(1)
    room.back(true)
    await flush()
    expect(room.conversation.get().status).toBe('joined')
    expect(seqs(room.conversation)).toEqual([1, 2])
  })

  it('asks nothing when the session was recovered', async () => {
    const room = await open(1)
    room.drop()
    room.back(true)
    await flush()
    expect(room.asked('join_conversation')).toHaveLength(1)
    expect(room.conversation.get().status).toBe('joined')
  })

  it('tells a read mark that was not confirmed once more', async () => {
    const room = await open(3)
    room.refuse.mark_read = { code: 'unavailable', retryable: true }
    room.conversation.markRead()
    expect(room.conversation.get()).toMatchObject({ readSeq: 3, unread: 0 })
    await flush()
    room.drop()
    room.refuse = {}
    room.back()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(room.asked('mark_read').at(-1)).toEqual({ conversationId: 'room', seq: 3 })
    expect(room.conversation.get().unread).toBe(0)
  })
})

describe('what arrives', () => {
  async function open(n = 1) {
    const room = createRoom()
    room.fill(n)
    room.conversation.subscribe(() => {})
    await flush()
    return room
  }

  it('is shown in order: a gap is filled first', async () => {
    const room = await open()
    room.write('2')
    room.say('3')
    expect(seqs(room.conversation)).toEqual([1])
    await flush()
    expect(seqs(room.conversation)).toEqual([1, 2, 3])
  })

  it('is shown once, whatever comes twice', async () => {
    const room = await open()
    const message = room.write('2')
    room.emit('new_message', message)
    room.emit('new_message', { ...message })
    await flush()
    expect(seqs(room.conversation)).toEqual([1, 2])
    expect(room.conversation.get().unread).toBe(2)
  })

  it('does not bring an older version back', async () => {
    const room = await open()
    room.emit('message_updated', { ...room.stored[0], content: 'second', rev: 2 })
    room.emit('message_updated', { ...room.stored[0], content: 'first', rev: 1 })
    expect(room.conversation.get().messages[0]!.content).toBe('second')
    room.emit('message_deleted', { messageId: 'm1', conversationId: 'room', seq: 1, rev: 3, deletedBy: '' })
    expect(room.conversation.get().messages[0]).toMatchObject({ content: '', deletedBy: '', rev: 3 })
  })

  it("is this conversation's alone", async () => {
    const room = await open()
    room.emit('new_message', { ...room.write('2'), conversationId: 'other' })
    room.emit('typing', { conversationId: 'other', userId: 'bob', username: 'Bob', isTyping: true })
    expect(seqs(room.conversation)).toEqual([1])
    expect(room.conversation.get().typing).toEqual([])
  })

  it('does not bring back what is out of sight', async () => {
    const room = await open(120)
    room.emit('new_message', room.stored[10])
    room.emit('message_updated', { ...room.stored[11], content: 'x', rev: 1 })
    await flush()
    expect(seqs(room.conversation)).toEqual(range(71, 120))
  })

  it('is newer than a page that was read before', async () => {
    const room = await open(120)
    let answer = () => {}
    room.gate = new Promise<void>((resolve) => (answer = resolve))
    const loaded = room.conversation.loadOlder()
    room.emit('message_updated', { ...room.stored[29], content: 'edited', rev: 1 })
    room.emit('message_deleted', { messageId: 'm31', conversationId: 'room', seq: 31, rev: 2, deletedBy: 'bob' })
    answer()
    await loaded
    const of = (seq: number) => room.conversation.get().messages.find((m) => m.seq === seq)
    expect(of(30)).toMatchObject({ content: 'edited', rev: 1 })
    expect(of(31)).toMatchObject({ content: '', rev: 2, deletedBy: 'bob' })
    expect(of(32)).toMatchObject({ content: '32' })
  })

  it('takes the place of all when it is far ahead, and no older page joins it wrongly', async () => {
    const room = await open(120)
    let answer = () => {}
    room.gate = new Promise<void>((resolve) => (answer = resolve))
    const loaded = room.conversation.loadOlder()
    room.gate = Promise.resolve()
    room.fill(1_000)
    room.say('1121')
    await flush()
    answer()
    await loaded
    expect(seqs(room.conversation)).toEqual(range(1_072, 1_121))
  })

  it('is bounded: the oldest go, and can be had again', async () => {
    const room = await open(10)
    for (let i = 0; i < 2_500; i++) room.say('more')
    await flush()
    const { messages, hasOlder } = room.conversation.get()
    expect(messages.length).toBeLessThanOrEqual(2_000)
    expect(messages.at(-1)!.seq).toBe(2_510)
    expect(hasOlder).toBe(true)
    await room.conversation.loadOlder()
    expect(seqs(room.conversation)).toEqual(range(2_510 - messages.length - 49, 2_510))
  })

  it('ends what its writer was typing', async () => {
    const room = await open()
    room.emit('typing', { conversationId: 'room', userId: 'bob', username: 'Bob', isTyping: true })
    room.say('done')
    expect(room.conversation.get().typing).toEqual([])
  })

  it('tells who is here, where the server does not', async () => {
    const room = createRoom()
    room.refuse.get_members = { code: 'invalid_payload', retryable: false }
    room.fill(1)
    room.conversation.subscribe(() => {})
    await flush()
    room.emit('message_read', { conversationId: 'room', userId: 'carl', messageId: 'm1', seq: 1, readAt: '' })
    room.emit('presence', { userId: 'bob', status: 'online', lastSeen: '' })
    room.emit('presence', { userId: 'nobody', status: 'online', lastSeen: '' })
    expect(room.conversation.get().members.map((m) => [m.username, m.status, m.readSeq])).toEqual([['BOB', 'online', 1], ['carl', 'online', 1]])
    expect(room.conversation.get().readByOthers).toBe(1)
    room.drop()
    room.back()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(room.asked('get_members')).toHaveLength(1)
  })

  it('tells who is here when that cannot be had at once, also over a connection that is recovered', async () => {
    const room = createRoom()
    room.refuse.get_members = { code: 'unavailable', retryable: true }
    room.members = [{ userId: 'bob', role: 'member', readSeq: 0, status: 'online', lastSeen: null }]
    const stop = room.conversation.subscribe(() => {})
    await vi.advanceTimersByTimeAsync(5_000)
    room.drop()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(room.asked('get_members').length).toBeLessThan(6)
    room.back(true)
    room.refuse = {}
    await vi.advanceTimersByTimeAsync(60_000)
    expect(room.conversation.get().members).toMatchObject([{ userId: 'bob', status: 'online' }])
    const asked = room.asked('get_members').length
    await vi.advanceTimersByTimeAsync(600_000)
    expect(room.asked('get_members')).toHaveLength(asked)

    room.refuse.get_members = { code: 'unavailable', retryable: true }
    room.drop()
    room.back()
    await flush()
    stop()
    await vi.advanceTimersByTimeAsync(600_000)
    expect(room.asked('get_members').length).toBeLessThan(asked + 4)
  })

  it('takes nobody for present who spoke through the back end', async () => {
    const room = createRoom()
    room.refuse.get_members = { code: 'invalid_payload', retryable: false }
    room.conversation.subscribe(() => {})
    await flush()
    room.emit('new_message', { ...room.write('closing', 'site'), tempId: undefined })
    room.emit('new_message', { ...room.write('oh', 'bob'), tempId: 't1' })
    expect(room.conversation.get().members.map((m) => [m.userId, m.status])).toEqual([['site', 'offline'], ['bob', 'online']])
  })

  it('forgets who types after a while', async () => {
    const room = await open()
    room.emit('typing', { conversationId: 'room', userId: 'bob', username: 'Bob', isTyping: true })
    expect(room.conversation.get().typing).toEqual([{ userId: 'bob', username: 'Bob' }])
    await vi.advanceTimersByTimeAsync(7_000)
    expect(room.conversation.get().typing).toEqual([])
  })
})

describe('what this user sends', () => {
  it('stands at the end at once, and under one key until it is stored', async () => {
    const room = createRoom()
    room.fill(1)
    const c = room.conversation
    c.subscribe(() => {})
    await flush()
    const tempId = c.send('mine')
    expect(c.get().messages.at(-1)).toMatchObject({ key: tempId, state: 'pending', content: 'mine', own: true })
    room.say('theirs')
    expect(c.get().messages.map((m) => m.content)).toEqual(['1', 'theirs', 'mine'])
    const entry = room.entries[0]!
    const message = room.write('mine', 'ann', { tempId })
    room.entries = []
    room.outbox({ type: 'acked', entry, ack: { tempId, messageId: message.id, conversationId: 'room', seq: 3, createdAt: message.createdAt, status: 'sent' } })
    expect(c.get().messages.map((m) => [m.key, m.content])).toEqual([['m1', '1'], ['m2', 'theirs'], [tempId, 'mine']])
    room.emit('new_message', message)
    await flush()
    expect(c.get().messages.map((m) => m.key)).toEqual(['m1', 'm2', tempId])
    expect(c.get().unread).toBe(0)
  })

  it('is not shown twice when it is stored and its ack was lost', async () => {
    const room = createRoom()
    const c = room.conversation
    c.subscribe(() => {})
    await flush()
    const tempId = c.send('mine')
    room.emit('new_message', room.write('mine', 'ann', { tempId }))
    await flush()
    expect(c.get().messages).toMatchObject([{ key: tempId, state: 'sent' }])
  })

  it('says typing rarely, and that it ended', async () => {
    const room = createRoom()
    room.conversation.subscribe(() => {})
    await flush()
    for (let i = 0; i < 10; i++) room.conversation.sendTyping()
    expect(room.asked('typing')).toEqual([{ conversationId: 'room', isTyping: true }])
    await vi.advanceTimersByTimeAsync(10_000)
    expect(room.asked('typing').at(-1)).toEqual({ conversationId: 'room', isTyping: false })
  })

  it('ends what this user was typing, and reads all before it', async () => {
    const room = createRoom()
    room.fill(3)
    room.conversation.subscribe(() => {})
    await flush()
    room.conversation.sendTyping()
    const tempId = room.conversation.send('mine')
    expect(room.asked('typing').at(-1)).toEqual({ conversationId: 'room', isTyping: false })
    const entry = room.entries[0]!
    const { id: messageId, createdAt } = room.write('mine', 'ann', { tempId })
    room.outbox({ type: 'acked', entry, ack: { tempId, messageId, conversationId: 'room', seq: 4, createdAt, status: 'sent' } })
    expect(room.conversation.get()).toMatchObject({ readSeq: 4, unread: 0 })
    room.say('5')
    room.say('from my phone', 'ann')
    expect(room.conversation.get()).toMatchObject({ readSeq: 6, unread: 0, readByOthers: 5 })
  })

  it('keeps its key when it is edited', async () => {
    const room = createRoom()
    room.conversation.subscribe(() => {})
    await flush()
    room.emit('new_message', room.write('mine', 'ann', { tempId: 't1' }))
    room.emit('message_updated', { ...room.stored[0], tempId: undefined, content: 'edited', rev: 1 })
    expect(room.conversation.get().messages).toMatchObject([{ key: 't1', content: 'edited' }])
  })

  it('stays deleted when the edit before it is told late', async () => {
    const room = createRoom()
    room.conversation.subscribe(() => {})
    await flush()
    room.emit('new_message', room.write('mine', 'ann', { tempId: 't1' }))
    const edited = room.edit(1, 'from my phone')
    await room.conversation.remove('m1')
    room.emit('message_updated', edited)
    expect(room.conversation.get().messages).toMatchObject([{ content: '', deletedBy: 'ann' }])
    room.emit('message_deleted', room.remove(1))
    expect(room.conversation.get().messages).toMatchObject([{ content: '', rev: 2 }])
  })
})

describe('a direct conversation', () => {
  const direct = (more: Partial<Message>) => ({ conversationId: undefined, directId: 'dm:1', ...more })

  it('is known by the other person, whoever of the two speaks', async () => {
    const room = createRoom({ receiverId: 'bob' })
    room.conversation.subscribe(() => {})
    await flush()
    room.emit('new_message', room.write('1', 'bob', direct({ receiverId: 'ann' })))
    room.emit('new_message', room.write('2', 'ann', direct({ receiverId: 'bob' })))
    room.emit('new_message', { ...room.write('3', 'carl', direct({ receiverId: 'ann' })), directId: 'dm:2' })
    room.emit('typing', { directId: 'dm:1', userId: 'bob', username: 'Bob', receiverId: 'ann', isTyping: true })
    expect(seqs(room.conversation)).toEqual([1, 2])
    expect(room.conversation.get().typing).toHaveLength(1)
    room.emit('message_deleted', { messageId: 'm1', directId: 'dm:1', receiverId: 'ann', seq: 1, rev: 1, deletedBy: '' })
    expect(room.conversation.get().messages[0]).toMatchObject({ content: '', deletedBy: '' })
  })

  it('is the same by its own id', async () => {
    const room = createRoom({ conversationId: 'dm:1' })
    room.conversation.subscribe(() => {})
    await flush()
    room.emit('new_message', room.write('1', 'bob', direct({ receiverId: 'ann' })))
    room.entries = [{ tempId: 't', address: { receiverId: 'bob' }, draft: { content: 'mine' }, createdAt: '', state: 'pending' }]
    room.outbox({ type: 'added', entry: room.entries[0]! })
    expect(room.conversation.get().messages.map((m) => m.content)).toEqual(['1', 'mine'])
  })
})

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createRoom, flush } from './room.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A conversation of `n` messages that is joined and looked at. */
async function open(n = 5) {
  const room = createRoom()
  room.fill(n)
  const stop = room.conversation.subscribe(() => {})
  await flush()
  const heard: unknown[] = []
  room.listen('message_updated', ({ rev }) => heard.push(rev))
  room.listen('message_deleted', ({ rev }) => heard.push(-rev))
  return {
    ...room,
    room,
    /** Ends looking. */
    stop,
    /** What listeners of the app hear: the rev of each edit, and below zero that of each deletion. */
    heard,
    tell: (seq: number) => room.emit('message_updated', room.edit(seq, `edit ${room.rev + 1}`)),
    joins: () => room.asked('join_conversation').slice(1),
    contents: () => room.conversation.get().messages.map((m) => m.content),
  }
}

const minutes = (n: number) => vi.advanceTimersByTimeAsync(n * 60_000)

describe('a change that was not told', () => {
  it('is asked for once, though more events follow', async () => {
    const { room, tell, joins, contents, heard } = await open()
    tell(1)
    room.edit(2, 'untold')
    for (const seq of [3, 4, 5]) tell(seq)
    room.say('6')
    expect(room.conversation.get().status).toBe('joined')
    expect(contents()).toEqual(['edit 1', '2', 'edit 3', 'edit 4', 'edit 5', '6']) // no change waits for another
    await minutes(5)
    expect(joins()).toEqual([{ conversationId: 'room', afterSeq: 6, afterRev: 1 }])
    expect(contents()).toEqual(['edit 1', 'untold', 'edit 3', 'edit 4', 'edit 5', '6'])
    expect(heard).toEqual([1, 3, 4, 5, 2])
    expect(room.asked('get_members')).toHaveLength(1)
    tell(1)
    await minutes(5)
    expect(joins()).toHaveLength(1)
  })

  it('may be a deletion, or be found by one', async () => {
    const { room, tell, joins, heard } = await open()
    room.remove(1)
    tell(2)
    await minutes(1)
    expect(room.conversation.get().messages[0]).toMatchObject({ content: '', deletedBy: 'bob', rev: 1 })
    room.edit(3, 'untold')
    room.emit('message_deleted', room.remove(4))
    await minutes(1)
    expect(room.conversation.get().messages.slice(2)).toMatchObject([{ content: 'untold' }, { content: '', deletedBy: 'bob' }, { content: '5' }])
    expect(joins().map((p) => p.afterRev)).toEqual([0, 2])
    expect(heard).toEqual([2, -1, -4, 3])
  })

  it('is heard once when it comes late, before the answer or after it', async () => {
    const { room, joins, contents, heard } = await open()
    const late = [room.edit(1, 'first'), room.edit(2, 'second')]
    room.emit('message_updated', room.edit(3, 'third'))
    let answer = () => {}
    room.gate = new Promise<void>((resolve) => (answer = resolve))
    await minutes(0.1)
    expect(joins()).toHaveLength(1)
    room.emit('message_updated', late[0])
    answer()
    await flush()
    room.emit('message_updated', { ...late[1], content: 'older than what is held', rev: 1 })
    await minutes(5)
    expect(contents()).toEqual(['first', 'second', 'third', '4', '5'])
    expect(heard.slice(0, 3)).toEqual([3, 1, 2])
    expect(joins()).toHaveLength(1)
  })

  it('may be one of many: it asks until all have come', async () => {
    const { room, tell, joins, contents } = await open()
    room.most = 2
    for (const seq of [1, 2, 3, 4]) room.edit(seq, 'untold')
    tell(5)
    await minutes(1)
    expect(joins().map((p) => p.afterRev)).toEqual([0, 2, 4])
    expect(contents()).toEqual(['untold', 'untold', 'untold', 'untold', 'edit 5'])
  })

  it('may be one that somebody made before an edit of this user', async () => {
    const { room, joins, contents } = await open()
    room.edit(1, 'untold')
    await room.conversation.edit('m2', 'mine')
    expect(joins()).toEqual([])
    room.emit('message_updated', room.stored[1])
    await minutes(1)
    expect(joins().map((p) => p.afterRev)).toEqual([0])
    expect(contents().slice(0, 2)).toEqual(['untold', 'mine'])
  })

  it('is asked for again after a refusal, ever more rarely', async () => {
    const { room, tell, joins, contents, heard } = await open()
    room.refuse.join_conversation = { code: 'unavailable', retryable: true }
    room.edit(1, 'untold')
    tell(2)
    await minutes(0.1)
    expect(room.conversation.get()).toMatchObject({ status: 'stale', error: { code: 'unavailable' } })
    for (let i = 0; i < 300; i++) {
      tell(3)
      room.say('more')
      await vi.advanceTimersByTimeAsync(1_000)
    }
    expect(joins().length).toBeLessThan(25)
    expect(room.conversation.get().status).toBe('stale')
    room.refuse = {}
    await minutes(1)
    expect(room.conversation.get().status).toBe('joined')
    expect(room.conversation.get().error).toBeUndefined()
    expect(contents()[0]).toBe('untold')
    expect(heard.filter((rev) => rev === 1)).toHaveLength(1)
    expect(new Set(heard).size).toBe(heard.length)
  })

  it('is asked for by a session that lost the answer and was recovered', async () => {
    const { room, tell, contents } = await open()
    room.refuse.join_conversation = { code: 'unavailable', retryable: true }
    room.gate = new Promise<void>((resolve) => setTimeout(resolve, 1_000))
    room.edit(1, 'untold')
    tell(2)
    await vi.advanceTimersByTimeAsync(900)
    room.drop()
    await minutes(1)
    room.refuse = {}
    room.back(true)
    await minutes(1)
    expect(contents()[0]).toBe('untold')
    expect(room.conversation.get().status).toBe('joined')
  })

  it('is asked for by who comes back, from where the gap began', async () => {
    const { room, tell, joins, contents } = await open()
    tell(1)
    room.edit(2, 'untold')
    tell(3)
    room.drop()
    room.back()
    await minutes(1)
    expect(joins().map((p) => p.afterRev)).toEqual([1])
    expect(contents().slice(0, 3)).toEqual(['edit 1', 'untold', 'edit 3'])
  })

  it('is asked for by who looks again, when nobody did for a moment', async () => {
    const { room, tell, joins, contents, stop } = await open()
    room.edit(1, 'untold')
    tell(2)
    stop()
    await vi.advanceTimersByTimeAsync(900)
    expect(joins()).toEqual([])
    room.conversation.subscribe(() => {})
    await minutes(1)
    expect(joins()).toHaveLength(1)
    expect(contents()[0]).toBe('untold')
  })
})

describe('nothing is asked', () => {
  it('when changes come one after the other, deletions and own ones among them', async () => {
    const { room, tell, joins, heard } = await open()
    tell(1)
    room.emit('message_deleted', room.remove(2))
    room.say('6')
    await room.conversation.edit('m3', 'mine')
    room.emit('message_updated', room.stored[2])
    tell(4)
    await minutes(5)
    expect(joins()).toEqual([])
    expect(heard).toEqual([1, -2, 3, 4])
  })

  it('when those in front come in time', async () => {
    const { room, joins, contents, heard } = await open()
    const late = [room.edit(1, 'first'), room.edit(2, 'second')]
    room.emit('message_updated', room.edit(3, 'third'))
    room.emit('message_updated', late[1])
    room.emit('message_updated', late[0])
    room.emit('message_updated', late[0]) // twice
    await minutes(5)
    expect(joins()).toEqual([])
    expect(contents()).toEqual(['first', 'second', 'third', '4', '5'])
    expect(heard.slice(0, 3)).toEqual([3, 2, 1])
  })

  it('a second time for a number that stands for no change any more', async () => {
    const { room, tell, joins } = await open()
    room.rev = 7
    tell(1)
    await minutes(1)
    expect(joins().map((p) => p.afterRev)).toEqual([0])
    tell(2)
    await minutes(5)
    expect(joins()).toHaveLength(1)
  })

  it('about what happened before the first answer', async () => {
    const room = createRoom()
    room.fill(2)
    room.rev = 4
    let answer = () => {}
    room.gate = new Promise<void>((resolve) => (answer = resolve))
    room.conversation.subscribe(() => {})
    await flush()
    room.emit('message_updated', room.edit(1, 'while it was on its way'))
    answer()
    await minutes(1)
    expect(room.asked('join_conversation')).toHaveLength(1)
    expect(room.conversation.get().messages[0]!.content).toBe('while it was on its way')
  })
})

import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { ChatError } from '../src/error.js'
import type { Link } from '../src/internal.js'
import { createOutbox, outboxLimit, type OwnedOutbox } from '../src/outbox.js'
import type { MessageAck, MessageSent } from '../src/protocol.js'
import { until } from './until.js'

const room = { conversationId: 'room' }

/** A connection that a test plugs in, pulls and answers for. */
function createWire(userId = 'ann') {
  const ups = new Set<(recovered: boolean) => void>()
  const downs = new Set<() => void>()
  const acks = new Set<(ack: MessageAck) => void>()
  let open: { tempId: string; content: string; resolve: (ack: MessageSent) => void; reject: (err: ChatError) => void }[] = []
  let seq = 0
  const wire = {
    sent: [] as string[],
    up: false,
    link: {
      userId,
      username: userId,
      get up() {
        return wire.up
      },
      request: (_event: string, payload: any) =>
        new Promise((resolve, reject) => {
          wire.sent.push(payload.content)
          open.push({ ...payload, resolve, reject })
        }),
      on: (event: string, listener: any) => {
        if (event === 'message_ack') acks.add(listener)
        return () => {}
      },
      onUp: (listener: any) => (ups.add(listener), () => {}),
      onDown: (listener: any) => (downs.add(listener), () => {}),
    } as unknown as Link,
    get open() {
      return open.map((o) => o.content)
    },
    plug() {
      wire.up = true
      ups.forEach((listener) => listener(false))
    },
    pull() {
      wire.up = false
      downs.forEach((listener) => listener())
      const lost = open
      open = []
      lost.forEach((o) => o.reject(new ChatError({ code: 'unavailable', message: 'gone', retryable: true })))
    },
    ack(n = 1) {
      for (const o of open.splice(0, n)) {
        o.resolve({ tempId: o.tempId, messageId: `m${++seq}`, seq, createdAt: '2026-01-01T00:00:00.000Z', status: 'sent' })
      }
    },
    refuse(code: 'overloaded' | 'forbidden', retryable: boolean) {
      open.shift()!.reject(new ChatError({ code, message: code, retryable }))
    },
    event: (ack: MessageAck) => acks.forEach((listener) => listener(ack)),
  }
  return wire
}

const boxes: OwnedOutbox[] = []
function createBox(wire: ReturnType<typeof createWire>, options = {}) {
  const box = createOutbox(wire.link, 'http://chat', options)
  boxes.push(box)
  box.open()
  return box
}
const contents = (box: OwnedOutbox) => box.entries().map((e) => e.draft.content)
const add = (box: OwnedOutbox, ...texts: string[]) => texts.map((content) => box.add(room, { content }).tempId)
const texts = (n: number) => Array.from({ length: n }, (_, i) => `${i + 1}`)

beforeAll(() => import('idb')) // loaded on demand otherwise, which is slow on a busy machine
beforeEach(() => {
  vi.stubGlobal('indexedDB', new IDBFactory())
})
afterEach(() => {
  boxes.splice(0).forEach((box) => box.close())
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe('what is kept', () => {
  it('shows a message before add returns, and until its ack', async () => {
    const wire = createWire()
    const box = createBox(wire)
    const seen: string[] = []
    box.subscribe((change) => seen.push(change.type))
    add(box, 'hello')
    expect(seen).toEqual(['added'])
    wire.plug()
    await until(() => expect(wire.open).toEqual(['hello']))
    expect(contents(box)).toEqual(['hello'])
    wire.ack()
    await until(() => expect(contents(box)).toEqual([]))
    expect(seen).toEqual(['added', 'acked'])
  })

  it('survives a reload, in order, under the same tempIds', async () => {
    const first = createBox(createWire())
    const ids = add(first, '1', '2', '3')
    await until(() => expect(first.counts().storage).toBe('indexeddb'))
    first.close()
    const wire = createWire()
    const second = createBox(wire)
    wire.plug()
    await until(() => expect(wire.open).toEqual(['1', '2', '3']))
    expect(second.entries().map((e) => e.tempId)).toEqual(ids)
  })

  it('forgets an acked message for good', async () => {
    const wire = createWire()
    const first = createBox(wire)
    wire.plug()
    add(first, '1')
    await until(() => expect(wire.open).toEqual(['1']))
    add(first, '2')
    wire.ack(1)
    await until(() => expect(contents(first)).toEqual(['2']))
    first.close()
    const second = createBox(createWire())
    await until(() => expect(contents(second)).toEqual(['2']))
  })

  it("never touches another user's messages", async () => {
    add(createBox(createWire('ann')), 'from ann')
    const wire = createWire('bob')
    const box = createBox(wire)
    wire.plug()
    add(box, 'from bob')
    await until(() => expect(wire.open).toEqual(['from bob']))
    expect(contents(box)).toEqual(['from bob'])
  })

  it.each([
    ['there is no IndexedDB', () => vi.stubGlobal('indexedDB', undefined)],
    ['it cannot be opened', () => vi.stubGlobal('indexedDB', { open: () => { throw new Error('private') } })],
  ])('falls back to memory when %s, and says so', async (_, spoil) => {
    spoil()
    const wire = createWire()
    const box = createBox(wire)
    add(box, 'hello')
    await until(() => expect(box.counts().storage).toBe('memory'))
    wire.plug()
    await until(() => expect(wire.open).toEqual(['hello']))
  })

  it('falls back to memory when a write fails, and loses nothing', async () => {
    const wire = createWire()
    const box = createBox(wire)
    await until(() => expect(box.counts().storage).toBe('indexeddb'))
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('disk full', 'QuotaExceededError')
    })
    add(box, 'too much')
    await until(() => expect(box.counts().storage).toBe('memory'))
    wire.plug()
    await until(() => expect(wire.open).toEqual(['too much']))
  })

  it('keeps what was given, whatever becomes of the object', async () => {
    const wire = createWire()
    const box = createBox(wire)
    const draft = { content: 'first', metadata: { n: 1 } }
    box.add(room, draft)
    draft.content = 'second'
    draft.metadata.n = 2
    expect(box.entries()[0]!.draft).toEqual({ content: 'first', metadata: { n: 1 } })
    box.add(room, draft)
    wire.plug()
    await until(() => expect(wire.open).toEqual(['first', 'second']))
  })

  it('fails what cannot be written as JSON, and throws nothing', () => {
    const box = createBox(createWire())
    const circle: Record<string, unknown> = {}
    circle.self = circle
    for (const metadata of [circle, { big: 1n }]) {
      expect(box.add(room, { content: 'hello', metadata })).toMatchObject({ state: 'failed', error: { code: 'invalid_payload' } })
    }
  })

  it('sends though the database neither opens nor fails', async () => {
    vi.stubGlobal('indexedDB', { open: () => new EventTarget() })
    const wire = createWire()
    const box = createBox(wire)
    add(box, 'hello')
    wire.plug()
    await until(() => expect(wire.open).toEqual(['hello']))
  })

  it('sends what an earlier page left before what is new', async () => {
    const first = createBox(createWire())
    add(first, 'old')
    await until(() => expect(first.counts().storage).toBe('indexeddb'))
    first.close()
    const wire = createWire()
    const second = createBox(wire)
    wire.plug()
    await Promise.resolve()
    add(second, 'new')
    await until(() => expect(wire.open).toEqual(['old', 'new']))
  })

  it('never sends what was discarded, though the database had become full', async () => {
    const wire = createWire()
    const box = createBox(wire)
    const [tempId] = add(box, 'no')
    wire.plug()
    await until(() => expect(wire.open).toEqual(['no']))
    const reload = createBox(createWire())
    await until(() => expect(contents(reload)).toEqual(['no']))
    reload.close()
    const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError')
    })
    wire.refuse('forbidden', false)
    await until(() => expect(box.counts()).toMatchObject({ failed: 1, storage: 'memory' }))
    box.discard(tempId!)
    put.mockRestore()
    const next = createBox(createWire())
    add(next, 'later')
    await until(() => expect(next.counts().storage).toBe('indexeddb'))
    next.close()
    const last = createBox(createWire())
    await until(() => expect(contents(last)).toContain('later'))
    expect(contents(last)).toEqual(['later'])
  })

  it('sends on a page that may store nothing, and use no locks', async () => {
    const denied = () => {
      throw new DOMException('denied', 'SecurityError')
    }
    vi.stubGlobal('BroadcastChannel', class { constructor() { denied() } })
    vi.stubGlobal('navigator', { locks: { request: async () => denied() } })
    const kept = Object.getOwnPropertyDescriptor(globalThis, 'indexedDB')!
    Object.defineProperty(globalThis, 'indexedDB', { configurable: true, get: denied })
    try {
      const wire = createWire()
      const box = createBox(wire)
      add(box, 'hello')
      wire.plug()
      await until(() => expect(wire.open).toEqual(['hello']))
      expect(box.counts().storage).toBe('memory')
    } finally {
      Object.defineProperty(globalThis, 'indexedDB', kept)
    }
  })

  it('refuses more than it can hold, and what no server takes', () => {
    const box = createBox(createWire(), { storage: 'memory' })
    for (let i = 0; i < outboxLimit; i++) box.add(room, { content: 'x' })
    expect(box.add(room, { content: 'one more' }).error?.code).toBe('overloaded')
    expect(createBox(createWire('carla')).add(room, { content: 'odd', odd: () => {} }).error?.code).toBe('invalid_payload')
    expect(createBox(createWire('bob')).add(room, { content: 'x'.repeat(1_000_000) }).error?.code).toBe('payload_too_large')
  })
})

describe('what is sent', () => {
  it('has at most inFlight messages without an ack', async () => {
    const wire = createWire()
    const box = createBox(wire, { inFlight: 3 })
    wire.plug()
    add(box, ...texts(6))
    await until(() => expect(wire.open).toEqual(['1', '2', '3']))
    wire.ack(2)
    await until(() => expect(wire.open).toEqual(['3', '4', '5']))
  })

  it('begins again with the oldest when the connection went', async () => {
    const wire = createWire()
    const box = createBox(wire, { inFlight: 2 })
    wire.plug()
    add(box, ...texts(4))
    await until(() => expect(wire.open).toEqual(['1', '2']))
    wire.pull()
    wire.plug()
    expect(wire.open).toEqual(['1', '2'])
    wire.ack(4)
    await until(() => expect(wire.open).toEqual(['3', '4']))
    expect(box.counts()).toMatchObject({ pending: 2, failed: 0 })
  })

  it('takes the event for the ack that a callback did not bring', async () => {
    const wire = createWire()
    const box = createBox(wire)
    wire.plug()
    const [tempId] = add(box, 'hello')
    await until(() => expect(wire.open).toEqual(['hello']))
    wire.event({ tempId: tempId!, messageId: 'm1', seq: 1, createdAt: '', status: 'sent' })
    expect(contents(box)).toEqual([])
  })

  it('holds what follows back while a refusal may pass', async () => {
    const wire = createWire()
    const box = createBox(wire, { inFlight: 2 })
    wire.plug()
    await until(() => expect(box.counts().storage).toBe('indexeddb'))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    add(box, ...texts(4))
    await until(() => expect(wire.open).toEqual(['1', '2']))
    wire.refuse('overloaded', true)
    wire.refuse('overloaded', true)
    await vi.advanceTimersByTimeAsync(0)
    expect(wire.sent).toEqual(['1', '2'])
    await vi.advanceTimersByTimeAsync(30_000)
    expect(wire.open).toEqual(['1', '2'])
    expect(box.counts()).toMatchObject({ pending: 4, failed: 0 })
  })

  it('keeps a refused message as failed, sends the others, and the refused one when asked', async () => {
    const wire = createWire()
    const box = createBox(wire)
    wire.plug()
    const [first, second] = add(box, '1', '2', '3')
    await until(() => expect(wire.open).toHaveLength(3))
    wire.refuse('forbidden', false)
    wire.refuse('forbidden', false)
    wire.ack()
    await until(() => expect(box.counts()).toMatchObject({ pending: 0, failed: 2 }))
    expect(box.entries()[0]!.error).toEqual({ code: 'forbidden', message: 'forbidden', retryable: false })
    box.discard(first!)
    box.retry(second!)
    expect(wire.open).toEqual(['2'])
    expect(box.entries()[0]).toMatchObject({ tempId: second, state: 'pending' })
    wire.ack()
    await until(() => expect(box.entries()).toEqual([]))
  })

  it('waits once for all that one trouble refused', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const wire = createWire()
    const box = createBox(wire, { storage: 'memory' })
    wire.plug()
    add(box, ...texts(8))
    await vi.advanceTimersByTimeAsync(0)
    expect(wire.open).toHaveLength(8)
    for (let i = 0; i < 8; i++) wire.refuse('overloaded', true)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(wire.sent.slice(8)).toEqual(texts(8))
  })

  it('goes on when the clock is set back', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const wire = createWire()
    const box = createBox(wire, { storage: 'memory' })
    wire.plug()
    add(box, 'before')
    await vi.advanceTimersByTimeAsync(0)
    vi.setSystemTime(Date.now() - 3_600_000)
    add(box, 'after')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(wire.sent).toEqual(['before', 'after'])
  })

  it('stays below what the server takes of one connection', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const wire = createWire()
    const box = createBox(wire, { inFlight: 1000, storage: 'memory' })
    wire.plug()
    add(box, ...texts(300))
    await vi.advanceTimersByTimeAsync(0)
    expect(wire.sent.length).toBeLessThanOrEqual(150)
    const before = wire.sent.length
    await vi.advanceTimersByTimeAsync(1_000)
    expect(wire.sent.length - before).toBeLessThanOrEqual(50)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(wire.sent).toEqual(texts(300))
  })
})

describe('tabs of one user', () => {
  /** The browser's lock manager as far as it is used: one holder, the others in a queue. */
  function stubLocks() {
    const queues = new Map<string, Promise<unknown>>()
    vi.stubGlobal('navigator', {
      locks: {
        request(name: string, { signal }: { signal: AbortSignal }, held: () => Promise<void>) {
          const turn = (queues.get(name) ?? Promise.resolve()).then(() => (signal.aborted ? undefined : held()))
          queues.set(name, turn)
          return turn
        },
      },
    })
  }

  it('show everything, and one of them sends', async () => {
    stubLocks()
    const [one, two] = [createWire(), createWire()]
    const [first, second] = [createBox(one), createBox(two)]
    one.plug()
    two.plug()
    add(second, 'from the second tab')
    await until(() => expect(one.open).toEqual(['from the second tab']))
    await until(() => expect(contents(first)).toEqual(['from the second tab']))
    one.ack()
    await until(() => expect(contents(second)).toEqual([]))
    expect(two.sent).toEqual([])
  })

  it('hand over when the sending one goes', async () => {
    stubLocks()
    const [one, two] = [createWire(), createWire()]
    const [first, second] = [createBox(one), createBox(two)]
    one.plug()
    two.plug()
    add(first, '1', '2')
    await until(() => expect(one.open).toEqual(['1', '2']))
    await until(() => expect(contents(second)).toEqual(['1', '2']))
    expect(two.sent).toEqual([])
    first.close()
    await until(() => expect(two.open).toEqual(['1', '2']))
  })

  it('take over from one that has the turn and is frozen, and give it back', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    let lose: ((err: Error) => void) | undefined
    vi.stubGlobal('navigator', {
      locks: {
        request: (_name: string, { steal }: LockOptions, held: () => Promise<void>) => {
          if (!steal) return new Promise(() => {}) // somebody has it, and does nothing
          return Promise.race([held(), new Promise((_, reject) => (lose = reject))])
        },
      },
    })
    const wire = createWire()
    const box = createBox(wire, { storage: 'memory' })
    wire.plug()
    add(box, 'hello')
    await vi.advanceTimersByTimeAsync(5_000)
    expect(wire.sent).toEqual([])
    await vi.advanceTimersByTimeAsync(20_000)
    expect(wire.sent).toEqual(['hello'])
    wire.ack()
    lose!(new DOMException('stolen', 'AbortError'))
    await vi.advanceTimersByTimeAsync(1)
    add(box, 'again')
    await vi.advanceTimersByTimeAsync(5_000)
    expect(wire.sent).toEqual(['hello'])
  })

  it('hand over when the sending one loses its connection', async () => {
    stubLocks()
    const [one, two] = [createWire(), createWire()]
    const [first] = [createBox(one), createBox(two)]
    one.plug()
    two.plug()
    one.pull()
    add(first, 'hello')
    await until(() => expect(two.open).toEqual(['hello']))
    one.plug()
    add(first, 'again')
    await until(() => expect(two.open).toEqual(['hello', 'again']))
    expect(one.sent).toEqual([])
  })

  it('tell each other what was refused and discarded', async () => {
    stubLocks()
    const one = createWire()
    const [first, second] = [createBox(one), createBox(createWire())]
    one.plug()
    const [tempId] = add(second, 'no')
    await until(() => expect(one.open).toEqual(['no']))
    one.refuse('forbidden', false)
    await until(() => expect(second.counts().failed).toBe(1))
    second.discard(tempId!)
    await until(() => expect(contents(first)).toEqual([]))
  })

  it('send a tempId that is used again after it was discarded', async () => {
    stubLocks()
    const one = createWire()
    const [first, second] = [createBox(one), createBox(createWire())]
    one.plug()
    second.add(room, { content: 'no', tempId: 'order-7' })
    await until(() => expect(one.open).toEqual(['no']))
    one.refuse('forbidden', false)
    await until(() => expect(second.counts().failed).toBe(1))
    second.discard('order-7')
    await until(() => expect(contents(first)).toEqual([]))
    second.add(room, { content: 'yes', tempId: 'order-7' })
    await until(() => expect(one.open).toEqual(['yes']))
  })
})

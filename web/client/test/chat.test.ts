import { describe, expect, it } from 'vitest'
import { freePort } from '../../testkit/process.js'
import { Proxy } from '../../testkit/proxy.js'
import { createChat } from '../src/index.js'
import type { ErrorEvent, HistoryReply } from '../src/protocol.js'
import { chat, contents, joined, start, until } from './server.js'

const texts = (n: number) => Array.from({ length: n }, (_, i) => `${i + 1}`)

describe('a conversation of two', () => {
  it('has messages, read marks, typing, members, edits and deletions', async () => {
    const { url } = await start()
    const [ann, bob] = [chat(url, 'ann', { username: 'Ann' }), chat(url, 'bob', { username: 'Bob' })]
    const [a, b] = [await joined(ann.conversation('room')), await joined(bob.conversation('room'))]

    const tempId = a.send('hello')
    expect(a.get().messages).toMatchObject([{ key: tempId, content: 'hello', state: 'pending', own: true, seq: 0 }])
    await until(() => expect(a.get().messages).toMatchObject([{ key: tempId, state: 'sent', seq: 1 }]))
    await until(() => expect(b.get()).toMatchObject({ unread: 1, messages: [{ content: 'hello', senderName: 'Ann', own: false }] }))

    b.sendTyping()
    await until(() => expect(a.get().typing).toEqual([{ userId: 'bob', username: 'Bob' }]))
    b.markRead()
    expect(b.get().unread).toBe(0)
    await until(() => expect(a.get().readByOthers).toBe(1))
    b.send('hi')
    await until(() => expect(a.get()).toMatchObject({ typing: [], messages: [{ seq: 1 }, { seq: 2, content: 'hi' }] }))
    await until(() => expect(a.get().members.map((m) => [m.username, m.status])).toEqual([['Ann', 'online'], ['Bob', 'online']]))

    const { id } = a.get().messages[0]!
    await a.edit(id, 'hello!')
    await until(() => expect(contents(b)).toEqual(['hello!', 'hi']))
    await expect(b.edit(id, 'mine')).rejects.toMatchObject({ code: 'forbidden' })
    await a.remove(id)
    await until(() => expect(b.get().messages[0]).toMatchObject({ content: '', deletedBy: 'ann' }))
  })

  it('comes right after an edit and a deletion that a client has not heard of', async () => {
    const { url } = await start()
    const [ann, bob] = [chat(url, 'ann'), chat(url, 'bob')]
    const [a, b] = [await joined(ann.conversation('room')), await joined(bob.conversation('room'))]
    for (const text of ['1', '2', '3']) a.send(text)
    await until(() => expect(b.get().messages.map((m) => m.seq)).toEqual([1, 2, 3]))
    await until(() => expect(a.get().messages.map((m) => m.seq)).toEqual([1, 2, 3]))
    const ids = a.get().messages.map((m) => m.id)

    // Two events are lost on the way to Bob.
    let lost = 0
    bob.socket.onAny((event) => void (/message_(updated|deleted)/.test(event) && lost++))
    const deaf = (['message_updated', 'message_deleted'] as const).map((event) => {
      const listeners = bob.socket.listeners(event)
      bob.socket.off(event)
      return () => listeners.forEach((listener) => bob.socket.on(event, listener as never))
    })
    await a.edit(ids[0]!, 'one')
    await a.remove(ids[1]!)
    await until(() => expect(lost).toBe(2))
    deaf.forEach((hear) => hear())
    expect(contents(b)).toEqual(['1', '2', '3'])

    const heard: unknown[] = []
    bob.on('message_updated', (message) => heard.push(message.content))
    bob.on('message_deleted', (event) => heard.push(event.seq))
    await a.edit(ids[2]!, 'three')
    await until(() => expect(contents(b)).toEqual(['one', '', 'three']))
    await a.edit(ids[0]!, 'one!')
    await until(() => expect(contents(b)).toEqual(['one!', '', 'three']))
    expect(heard).toEqual(['three', 'one', 2, 'one!'])
  })

  it('keeps a direct message once on both sides, and lists it', async () => {
    const { url } = await start()
    const [ann, bob] = [chat(url, 'ann'), chat(url, 'bob')]
    const a = await joined(ann.conversation({ receiverId: 'bob' }))
    const list = bob.conversations()
    const stop = list.subscribe(() => {})
    await until(() => expect(list.get().status).toBe('ready'))
    a.send('psst')
    await until(() => expect(a.get().messages).toMatchObject([{ content: 'psst', state: 'sent', seq: 1 }]))
    await until(() => expect(list.get()).toMatchObject({ unread: 1, items: [{ target: { receiverId: 'ann' }, lastMessage: { content: 'psst' } }] }))
    const b = await joined(bob.conversation({ receiverId: 'ann' }))
    expect(contents(b)).toEqual(['psst'])
    b.markRead()
    await until(() => expect(list.get().unread).toBe(0))
    stop()
  })
})

it('gives a number back as the number that the app sent', async () => {
  const { url } = await start()
  const ann = chat(url, 'ann')
  const a = await joined(ann.conversation('room'))
  const acks: unknown[] = []
  ann.on('message_ack', (ack) => acks.push(ack.tempId))
  const { sent } = ann.send('room', { content: 'numbered', tempId: 1732500000000 })
  expect((await sent).tempId).toBe(1732500000000)
  await until(() => expect(a.get().messages).toMatchObject([{ key: '1732500000000', tempId: 1732500000000, state: 'sent' }]))
  expect(acks).toEqual([1732500000000])
  expect(ann.get().pending).toBe(0)
})

describe('a connection that goes', () => {
  it('loses and doubles nothing of 200 messages when the server is killed', async () => {
    const server = await start()
    const [ann, bob] = [chat(server.url, 'ann'), chat(server.url, 'bob')]
    const [a, b] = [await joined(ann.conversation('room')), await joined(bob.conversation('room'))]
    texts(100).forEach((text) => a.send(text))
    await until(() => expect(b.get().messages.length).toBeGreaterThan(20))
    await server.kill()
    texts(200).slice(100).forEach((text) => a.send(text))
    await until(() => expect(ann.get().state).toBe('reconnecting'))
    expect(ann.get().pending).toBeGreaterThan(99)
    await server.again()
    await until(() => expect(ann.get()).toMatchObject({ state: 'connected', pending: 0, failed: 0 }))
    await until(() => expect(contents(b)).toEqual(texts(200)))
    expect(contents(a)).toEqual(texts(200))
    expect(b.get().messages.map((m) => m.seq)).toEqual(texts(200).map(Number))
    const stored: HistoryReply = await bob.history('room', { limit: 200 })
    expect(stored.messages.map((m) => m.content)).toEqual(texts(200))
  })

  it('sends in the order of writing, also when it is noticed by a message that it has gone', async () => {
    const server = await start()
    const proxy = await Proxy.start(server.port)
    try {
      const ann = chat(proxy.url, 'ann', { io: { transports: ['websocket'], reconnectionDelay: 50 } })
      const [a, b] = [await joined(ann.conversation('room')), await joined(chat(server.url, 'bob').conversation('room'))]
      a.send('1')
      await until(() => expect(contents(b)).toEqual(['1']))
      proxy.freeze()
      a.send('2')
      a.send('3')
      await until(() => expect(ann.get().pending).toBe(2))
      Object.assign(ann.socket.io.engine, { _pingTimeoutTime: 1 }) // as after a sleep: no timer has told of it yet
      ann.socket.emit('typing', { conversationId: 'room' }) // the app's own way to send, which waits
      expect(ann.socket.sendBuffer).toHaveLength(1)
      a.send('4')
      await until(() => expect(contents(b)).toEqual(['1', '2', '3', '4']))
      expect(ann.socket.sendBuffer).toHaveLength(0)
    } finally {
      await proxy.close()
    }
  })

  it('learns after a restart what was said, edited and deleted in between, far behind too', async () => {
    const server = await start()
    const [ann, bob] = [chat(server.url, 'ann'), chat(server.url, 'bob')]
    const [a, b] = [await joined(ann.conversation('room')), await joined(bob.conversation('room'))]
    const ids = await Promise.all(['1', '2'].map((text) => ann.send('room', text).sent.then((ack) => ack.messageId)))
    await until(() => expect(contents(b)).toEqual(['1', '2']))
    bob.socket.disconnect()
    await until(() => expect(b.get().status).toBe('stale'))
    await a.edit(ids[0]!, 'one')
    await a.remove(ids[1]!)
    await ann.send('room', '3').sent
    bob.connect()
    await until(() => expect(contents(b)).toEqual(['one', '', '3']))
    expect(b.get().messages[1]!.deletedBy).toBe('ann')
  })

  it('says connecting while there is no server, and connects when it is there', async () => {
    const port = await freePort()
    const ann = chat(`http://127.0.0.1:${port}`, 'ann')
    const a = ann.conversation('room')
    a.send('early')
    await until(() => expect(ann.get().attempt).toBeGreaterThan(1))
    expect(ann.get()).toMatchObject({ state: 'connecting', pending: 1, error: { code: 'unavailable' } })
    await start({ port })
    await until(() => expect(ann.get()).toMatchObject({ state: 'connected', pending: 0 }))
  })
})

describe('a token', () => {
  const secret = 'a secret of more than 32 bytes, for tests'
  const jwt = { dev: false, env: { JWT_SECRET: secret }, args: ['--authz-membership=open'] }

  async function sign(sub: string, seconds: number): Promise<string> {
    const { createHmac } = await import('node:crypto')
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const head = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub, exp: Math.floor(Date.now() / 1000) + seconds })}`
    return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`
  }

  it('that is refused is told once, and nothing more is tried', async () => {
    const server = await start(jwt)
    const errors: ErrorEvent[] = []
    const ann = createChat({ url: server.url, userId: 'ann', token: 'no token', io: { reconnectionDelay: 10 } })
    ann.on('error', (error) => errors.push(error))
    const release = ann.retain()
    await until(() => expect(ann.get()).toMatchObject({ state: 'refused', error: { code: 'unauthorized' } }))
    const opened = await server.opened()
    await new Promise((resolve) => setTimeout(resolve, 500)) // a storm would have begun: its first wait is 10 ms
    expect(await server.opened()).toBe(opened)
    expect(errors.map((e) => e.code)).toEqual(['unauthorized'])
    ann.update({ token: await sign('ann', 60) })
    await until(() => expect(ann.get().state).toBe('connected'))
    release()
    ann.close()
  })

  it('that has expired is replaced by a fresh one', async () => {
    const server = await start(jwt)
    const tokens = [await sign('ann', -60), await sign('ann', 60)]
    const ann = chat(server.url, 'ann', { getToken: () => tokens.shift() ?? sign('ann', 60) })
    await until(() => expect(ann.get()).toMatchObject({ state: 'connected' }))
    expect(tokens).toEqual([])
  })

  it('is renewed before it expires, on the same connection', async () => {
    const server = await start(jwt)
    let asked = 0
    const errors: ErrorEvent[] = []
    const ann = chat(server.url, 'ann', { getToken: () => (asked++, sign('ann', 3)) })
    ann.on('error', (error) => errors.push(error))
    await until(() => expect(ann.get().state).toBe('connected'))
    const { id } = ann.socket
    await until(() => expect(asked).toBeGreaterThan(2))
    expect(ann.socket.id).toBe(id)
    expect(errors).toEqual([])
  })

  it('that cannot be had is tried for again', async () => {
    const server = await start(jwt)
    let asked = 0
    const ann = chat(server.url, 'ann', { getToken: () => (asked++ ? sign('ann', 60) : Promise.reject(new Error('site is down'))) })
    await until(() => expect(ann.get().error?.message).toContain('site is down'))
    await until(() => expect(ann.get().state).toBe('connected'))
  })
})

it('closes for good when the session is revoked', async () => {
  const server = await start({ env: { WEBHOOK_SECRET: 's3cret' } })
  const ann = chat(server.url, 'ann')
  await until(() => expect(ann.get().state).toBe('connected'))
  await server.webhook('revoke', { userId: 'ann' })
  await until(() => expect(ann.get()).toMatchObject({ state: 'closed', error: { code: 'unauthorized' } }))
})

it('hands an event of the back end to whoever listens, whatever another listener throws', async () => {
  const server = await start({ env: { WEBHOOK_SECRET: 's3cret' } })
  const ann = chat(server.url, 'ann')
  const heard: unknown[] = []
  ann.on('order_shipped', (data) => heard.push(data))
  await until(() => expect(ann.get().state).toBe('connected'))
  await server.webhook('emit', { event: 'order_shipped', userId: 'ann', data: { order: 7 } })
  await until(() => expect(heard).toEqual([{ order: 7 }]))
})

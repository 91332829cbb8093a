import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { io } from 'socket.io-client'
import { becomes, eventually, NO_NETWORK, Person, stage } from '../people.js'

const scene = stage()
const trouble = { expect: NO_NETWORK }
const numbered = (n) => Array.from({ length: n }, (_, i) => `${i + 1}`)

/** What the server has stored, read by a client of its own. */
async function stored(server, conversationId = 'lobby') {
  const socket = io(server.url, { transports: ['websocket'] })
  socket.emit('identify', { userId: 'reader' })
  const messages = []
  for (let more = true; more; ) {
    const reply = await socket.timeout(10_000).emitWithAck('get_history', { conversationId, afterSeq: messages.at(-1)?.seq ?? 0, limit: 200 })
    messages.push(...reply.messages)
    more = reply.hasMore
  }
  socket.disconnect()
  assert.deepEqual(messages.map((m) => m.seq), messages.map((_, i) => i + 1), 'seq is 1, 2, 3...')
  return messages.map((m) => m.content)
}

test('offline for 10 s while both send: everything once, in one order', async () => {
  const server = await scene.server()
  const ann = await scene.person(server, 'ann', 'lobby', trouble)
  const bob = await scene.person(server, 'bob')
  await ann.write('before')
  await bob.sees('before')
  await ann.profile.context.setOffline(true)
  await ann.page.getByText('You are offline').waitFor()
  for (const n of numbered(5)) {
    await ann.write(`ann ${n}`)
    await bob.write(`bob ${n}`)
  }
  assert.equal((await ann.texts()).filter((text) => text.startsWith('bob')).length, 0)
  await pause(10_000)
  await ann.profile.context.setOffline(false)
  const all = await eventually('eleven messages', async () => {
    const texts = await bob.texts()
    return texts.length === 11 && texts
  })
  assert.deepEqual([...all].sort(), ['before', ...numbered(5).map((n) => `ann ${n}`), ...numbered(5).map((n) => `bob ${n}`)].sort())
  await ann.sees(...all)
  assert.deepEqual(all.filter((text) => text.startsWith('ann')), numbered(5).map((n) => `ann ${n}`), 'in the order of writing')
  assert.deepEqual(await stored(server), all)
  await ann.page.getByText('You are offline').waitFor({ state: 'detached' })
})

test('a reload with unsent messages: they go out', async () => {
  const server = await scene.server()
  const ann = await scene.person(server, 'ann', 'lobby', trouble)
  await ann.write('before')
  await becomes('the mark', ['sent'], () => ann.marks())
  // The page must be there to be loaded again: only its way to the chat is cut.
  await ann.page.route('**/socket.io/**', (route) => route.abort())
  await ann.page.routeWebSocket('**/socket.io/**', (socket) => socket.close())
  await ann.page.reload()
  await ann.page.getByText('Connecting').waitFor()
  for (const n of numbered(3)) await ann.write(n)
  await becomes('the marks', ['pending', 'pending', 'pending'], () => ann.marks())
  await ann.page.reload()
  await ann.sees(...numbered(3))
  const second = await ann.profile.page(`${server.url}/?user=ann&conversation=lobby`)
  const again = new Person(ann.profile, second, 'ann')
  await again.sees('before', ...numbered(3))
  await becomes('the marks', ['sent', 'sent', 'sent', 'sent'], () => again.marks())
  assert.deepEqual(await stored(server), ['before', ...numbered(3)])
})

test('the server is killed in the middle of 200 messages and started again', async () => {
  const server = await scene.server()
  const ann = await scene.person(server, 'ann', 'lobby', trouble)
  const bob = await scene.person(server, 'bob', 'lobby', trouble)
  const all = numbered(200)
  const writing = ann.writeAll(all)
  await bob.message('60').waitFor()
  await server.kill()
  await writing
  await ann.page.getByText('Trying again').waitFor()
  await server.again()
  await ann.allSent()
  await ann.sees(...all)
  await bob.sees(...all)
  assert.deepEqual(await stored(server), all)
})

test('two tabs of one user show everything, and one outbox sends', async () => {
  const server = await scene.server()
  const first = await scene.person(server, 'ann')
  const sent = { first: 0, second: 0 }
  const second = new Person(first.profile, await first.profile.context.newPage(), 'ann')
  for (const [name, person] of [['first', first], ['second', second]]) {
    person.page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => String(payload).includes('send_message') && sent[name]++))
  }
  await first.page.reload() // seen from its first frame on
  await first.page.getByLabel('Message').waitFor()
  await first.write('from the first')
  await becomes('the mark', ['sent'], () => first.marks())
  await second.page.goto(`${server.url}/?user=ann&conversation=lobby`)
  await second.sees('from the first')
  await second.write('from the second')
  await first.sees('from the first', 'from the second')
  await becomes('the marks', ['sent', 'sent'], () => second.marks())
  assert.equal(sent.second, 0, 'the second tab sent by itself')
  await first.page.close()
  await second.write('alone')
  await becomes('the marks', ['sent', 'sent', 'sent'], () => second.marks())
  assert.deepEqual(await stored(server), ['from the first', 'from the second', 'alone'])
})

test('a browser that keeps nothing: it works, and says so', async () => {
  const server = await scene.server()
  const profile = await scene.profile()
  await profile.context.addInitScript(() => {
    indexedDB.open = () => {
      throw new DOMException('private', 'SecurityError')
    }
  })
  const ann = await Person.open(profile, server.url, 'ann', 'lobby')
  await ann.page.getByText('This browser keeps no data').waitFor()
  await ann.write('hello')
  await becomes('the mark', ['sent'], () => ann.marks())
})

const secret = 'a secret of more than 32 bytes, for tests'
function sign(claims, key = secret) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

test('a token: the page asks for it, tells a refusal once, and knocks no more', async () => {
  const server = await scene.server({ dev: false, env: { JWT_SECRET: secret }, args: ['--authz-membership=open'] })
  const profile = await scene.profile()
  const page = await profile.page(`${server.url}/?user=ann`)
  await page.getByLabel('Token').fill('nonsense')
  await page.getByRole('button', { name: 'Enter' }).click()
  await page.getByText('This is not a token').waitFor()
  await page.getByLabel('Token').fill(sign({ sub: 'ann' }, 'another secret of more than 32 bytes'))
  await page.getByRole('button', { name: 'Enter' }).click()
  await page.getByText('The server refuses: the token is not good').waitFor()
  const opened = await server.opened()
  await pause(3_000)
  assert.equal(await server.opened(), opened, 'connections that were opened after the refusal')
  await page.getByRole('button', { name: 'Sign in again' }).click()
  await page.getByLabel('Token').fill(sign({ sub: 'ann', name: 'Ann Onymous' }))
  await page.getByRole('button', { name: 'Enter' }).click()
  await page.getByText('Ann Onymous').waitFor()
  await page.getByLabel('Conversation').fill('lobby')
  await page.getByRole('button', { name: 'Join' }).click()
  const ann = new Person(profile, page, 'ann')
  await ann.write('hello')
  await becomes('the mark', ['sent'], () => ann.marks())
})

test('no chat at first: it says connecting, and connects when there is one', async () => {
  const server = await scene.server()
  const profile = await scene.profile(trouble)
  await profile.context.route('**/socket.io/**', (route) => route.abort())
  const ann = await Person.open(profile, server.url, 'ann', 'lobby')
  await ann.page.getByText('Connecting').waitFor()
  await ann.write('early')
  await becomes('the mark', ['pending'], () => ann.marks())
  await profile.context.unroute('**/socket.io/**')
  await becomes('the mark', ['sent'], () => ann.marks())
})

// Connections that go in every way a connection can go.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Proxy } from '../../testkit/proxy.js'
import { Observer } from '../observer.js'
import { becomes, eventually, NO_NETWORK, Person, stage } from '../people.js'

const scene = stage()
const trouble = { expect: NO_NETWORK }

/** A wire to a server, which ends with the test. */
async function wire(t, server) {
  const proxy = await Proxy.start(server.port)
  t.after(() => proxy.close())
  return proxy
}

/** Waits until everybody has come over to WebSocket, which is what a wire can freeze. */
const upgraded = (server, people) =>
  becomes('connections over WebSocket', people.length, () => server.metric('corrillo_connections', { transport: 'websocket' }))

/** What is stored of the lobby, as texts in their order; without a gap or a repeat, or the test fails. */
async function stored(server) {
  const reader = await Observer.connect(server.url, 'reader')
  const messages = await reader.stored('lobby')
  reader.close()
  return messages.map((message) => message.content)
}

/** What somebody writes, numbered from one to the other. */
const lines = ({ user }, from, to) => Array.from({ length: to - from + 1 }, (_, i) => `${user} ${from + i}`)

/** Both show the same, once each, as it is stored; and each person's own in the order of writing. */
async function sameForAll(server, people, count) {
  for (const person of people) await person.allSent()
  const order = await eventually(`${count} messages`, async () => {
    const texts = await stored(server)
    return texts.length >= count && texts
  })
  assert.equal(order.length, count)
  for (const person of people) await person.sees(...order)
  for (const { user } of people) {
    const own = order.filter((text) => text.startsWith(user))
    assert.deepEqual(own, own.map((_, i) => `${user} ${i + 1}`), 'in the order of writing')
  }
}

test('cut again and again while both write', async (t) => {
  const server = await scene.server()
  const proxy = await wire(t, server)
  const ann = await scene.person(proxy, 'ann', 'lobby', trouble)
  const bob = await scene.person(server, 'bob')
  for (const n of [1, 21, 41]) {
    await Promise.all([ann, bob].map((person) => person.writeAll(lines(person, n, n + 9))))
    proxy.cut()
    await Promise.all([ann, bob].map((person) => person.writeAll(lines(person, n + 10, n + 19))))
    proxy.mend()
    await ann.connected()
  }
  await sameForAll(server, [ann, bob], 120)
})

test('a route that is lost without a word: the connection is given up, and all of it comes over the next', async (t) => {
  const server = await scene.server({ args: ['--ping-interval=1s', '--ping-timeout=1s'] })
  const proxy = await wire(t, server)
  const ann = await scene.person(proxy, 'ann', 'lobby', trouble)
  const bob = await scene.person(server, 'bob')
  await ann.write('ann 1')
  await bob.sees('ann 1')
  await upgraded(server, [ann, bob])
  proxy.freeze()
  for (let n = 1; n <= 5; n++) {
    await ann.write(`ann ${n + 1}`)
    await bob.write(`bob ${n}`)
  }
  await sameForAll(server, [ann, bob], 11)
})

test('acks that are lost: what is sent again after a reload is not said twice', async (t) => {
  const server = await scene.server()
  const proxy = await wire(t, server)
  const ann = await scene.person(proxy, 'ann', 'lobby', trouble)
  const bob = await scene.person(server, 'bob')
  await ann.write('ann 1')
  await becomes('the mark', 1, () => ann.page.locator('[data-mark=read]').count())
  await upgraded(server, [ann, bob])
  proxy.deafen()
  for (let n = 2; n <= 4; n++) await ann.write(`ann ${n}`)
  await bob.sees('ann 1', 'ann 2', 'ann 3', 'ann 4')
  await becomes('the marks', 3, () => ann.page.locator('[data-mark=pending]').count())
  await ann.page.reload()
  await ann.write('ann 5')
  await sameForAll(server, [ann, bob], 5)
})

test('an edit that gets no answer keeps its text, and is saved by another Enter', async (t) => {
  const server = await scene.server({ args: ['--ping-interval=1s', '--ping-timeout=1s'] })
  const proxy = await wire(t, server)
  const ann = await scene.person(proxy, 'ann', 'lobby', trouble)
  const bob = await scene.person(server, 'bob')
  await ann.write('frist')
  await bob.sees('frist')
  await ann.message('frist').getByRole('button', { name: 'Actions' }).click()
  await ann.page.getByRole('button', { name: 'Edit', exact: true }).click()
  const field = ann.page.getByLabel('Edit text')
  await field.fill('first')
  await upgraded(server, [ann, bob])
  proxy.freeze()
  await field.press('Enter')
  await ann.page.locator('.edit[aria-busy=true]').waitFor()
  await ann.page.getByRole('alert').getByText('no answer').waitFor()
  assert.equal(await field.inputValue(), 'first')
  assert.deepEqual(await bob.texts(), ['frist'])
  await ann.connected()
  await field.press('Enter')
  await bob.sees('first')
  await field.waitFor({ state: 'detached' })
  await ann.sees('first')
})

test('a server that is killed while both write 100 messages each', async () => {
  const server = await scene.server()
  const ann = await scene.person(server, 'ann', 'lobby', trouble)
  const bob = await scene.person(server, 'bob', 'lobby', trouble)
  const written = Promise.all([ann, bob].map((person) => person.writeAll(lines(person, 1, 100))))
  await eventually('the middle', async () => (await server.metric('corrillo_store_messages_total')) >= 60)
  await server.kill()
  await server.again()
  await written
  await sameForAll(server, [ann, bob], 200)
})

test('a tab that closes with unsent messages leaves them to the other one', async () => {
  const server = await scene.server()
  const first = await scene.person(server, 'ann', 'lobby', trouble)
  const second = await Person.open(first.profile, server.url, 'ann', 'lobby')
  await first.profile.context.setOffline(true)
  await second.page.getByText('You are offline').waitFor()
  for (let n = 1; n <= 3; n++) await first.write(`ann ${n}`)
  await second.sees('ann 1', 'ann 2', 'ann 3')
  await first.page.close()
  await first.profile.context.setOffline(false)
  await sameForAll(server, [second], 3)
})

test('a tab that crashes leaves them, too', async () => {
  const server = await scene.server()
  const first = await scene.person(server, 'ann', 'lobby', trouble)
  await first.profile.context.setOffline(true)
  await first.page.getByText('You are offline').waitFor()
  for (let n = 1; n <= 3; n++) await first.write(`ann ${n}`)
  const second = await first.profile.context.newPage()
  await Promise.all([first.page.waitForEvent('crash'), first.page.goto('chrome://crash').catch(() => {})])
  await first.page.close() // Chromium switches no network for a page that is gone.
  await first.profile.context.setOffline(false)
  await second.goto(`${server.url}/?user=ann&conversation=lobby`)
  await sameForAll(server, [new Person(first.profile, second, 'ann')], 3)
})

// What the server refuses or takes back, as the page tells it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Observer } from '../observer.js'
import { MariaDB } from '../../testkit/mariadb.js'
import { becomes, eventually, stage } from '../people.js'

const scene = stage()
const withWebhook = { env: { WEBHOOK_SECRET: 'secret-of-the-back-end' } }

test('a message that is refused can be tried again or thrown away', async () => {
  const server = await scene.server({ ...withWebhook, args: ['--authz-membership=members'] })
  const may = (change) => server.webhook('membership', { conversationId: 'lobby', ...change })
  await may({ add: ['ann', 'bob'] })
  const ann = await scene.person(server, 'ann')
  const bob = await scene.person(server, 'bob')
  await ann.write('one')
  await bob.sees('one')
  await may({ remove: ['ann'] })
  await ann.write('two')
  await ann.write('three')
  await ann.message('two').getByText('Not sent: you may not do this here').waitFor()
  await ann.message('three').getByRole('button', { name: 'Discard' }).click()
  await ann.sees('one', 'two')
  await may({ add: ['ann'] })
  await ann.page.reload()
  await ann.message('two').getByRole('button', { name: 'Retry' }).click()
  await bob.sees('one', 'two')
  await ann.sees('one', 'two')
  await becomes('the marks', ['read', 'read'], () => ann.marks())
})

test('what the back end posts, edits and deletes is there at once and after a reload', async () => {
  const server = await scene.server(withWebhook)
  const ann = await scene.person(server, 'ann')
  const posted = await server.webhook('new-message', { conversationId: 'lobby', senderId: 'site', senderName: 'The site', content: 'Doors open' })
  await ann.sees('Doors open')
  await server.webhook('message-updated', { messageId: posted.body.messageId, content: 'Doors are open' })
  await ann.sees('Doors are open')
  await server.webhook('message-deleted', { messageId: posted.body.messageId })
  const tombstone = ann.page.getByText('Deleted by a moderator')
  await tombstone.waitFor()
  await ann.page.reload()
  await tombstone.waitFor()
  await ann.sees()
})

test("a moderator deletes what another wrote, and edits nothing; a member does neither", async (t) => {
  const database = await MariaDB.start()
  t.after(() => database.remove())
  const server = await scene.server({ ...withWebhook, database: database.url })
  await server.webhook('membership', { conversationId: 'lobby', add: ['ann', 'bob', 'mia'] })
  await server.stop()
  await database.query("UPDATE corrillo_participant SET role = 'moderator' WHERE conversationId = 'lobby' AND userId = 'mia'")
  await server.again()
  const ann = await scene.person(server, 'ann')
  const bob = await scene.person(server, 'bob')
  const mia = await scene.person(server, 'mia')
  await ann.write('something rude')
  await ann.write('something nice')
  for (const person of [bob, mia]) await person.sees('something rude', 'something nice')
  assert.equal(await bob.page.getByRole('button', { name: 'Actions' }).count(), 0)

  await mia.message('something rude').getByRole('button', { name: 'Actions' }).click()
  await mia.page.getByRole('button', { name: 'Delete' }).click()
  await mia.page.getByText('Delete this for everyone?').waitFor()
  assert.equal(await mia.page.getByRole('button', { name: 'Edit', exact: true }).count(), 0)
  await mia.page.getByRole('button', { name: 'Delete' }).click()
  for (const person of [ann, bob, mia]) {
    await person.sees('something nice')
    await person.page.locator('.tombstone').getByText('Deleted by a moderator').waitFor()
  }
  await ann.page.reload()
  await ann.sees('something nice')
  await ann.page.locator('.tombstone').getByText('Deleted by a moderator').waitFor()
})

test('a system message is a notice of the app: no name, no actions, and it is read out', async () => {
  const server = await scene.server(withWebhook)
  const ann = await scene.person(server, 'ann')
  const bob = await scene.person(server, 'bob')
  await bob.write('hello')
  await ann.sees('hello')
  await server.webhook('new-message', { conversationId: 'lobby', senderId: 'site', senderName: 'The site', type: 'system', content: 'The lobby closes at ten' })
  for (const person of [ann, bob]) {
    const notice = person.message('The lobby closes at ten')
    await notice.waitFor()
    assert.ok(await notice.evaluate((item) => item.matches('.notice')))
    assert.equal(await notice.getByText('The site').count(), 0)
    assert.equal(await notice.getByRole('button').count(), 0)
    await person.page.getByRole('log').getByText('The lobby closes at ten', { exact: true }).waitFor({ state: 'attached' })
  }
  await bob.write('so late?')
  const after = ann.message('so late?')
  await after.locator('.sender').getByText('bob').waitFor() // a new turn: the name stands above it
  await ann.page.reload()
  await ann.sees('hello', 'The lobby closes at ten', 'so late?')
  assert.equal(await ann.page.locator('.notice').count(), 1)
})

test('a session that is revoked ends, and stays ended', async () => {
  const server = await scene.server(withWebhook)
  const ann = await scene.person(server, 'ann')
  await ann.connected()
  await server.webhook('revoke', { userId: 'ann' })
  await ann.page.getByText('Your session was ended.').waitFor()
  const opened = await server.opened()
  // Another client comes, speaks and goes: a page that knocked would have been heard by now.
  const bob = await Observer.connect(server.url, 'bob')
  for (let n = 0; n < 20; n++) await bob.send('lobby', `${n}`)
  bob.close()
  assert.equal(await server.opened(), opened + 1)
})

test('history of 300 messages: upward to its beginning, the place kept at each page', async () => {
  const server = await scene.server({ args: ['--limits=off'] })
  const bob = await Observer.connect(server.url, 'bob')
  const all = Array.from({ length: 300 }, (_, i) => `line ${i + 1}`)
  for (const line of all) await bob.send('lobby', line)
  bob.close()
  const ann = await scene.person(server, 'ann')
  await ann.message('line 300').waitFor()
  const box = ann.page.locator('.history')
  const top = () => box.evaluate((element) => element.querySelector('.message .text').textContent)
  for (let first = await top(); first !== 'line 1'; ) {
    // The uppermost text that is there stays where it was in its box when older ones come above it.
    const before = await box.evaluate((element) => {
      element.scrollTo(0, 100)
      return element.querySelector('.message .text').getBoundingClientRect().top
    })
    const place = () => ann.message(first).locator('.text').evaluate((text) => text.getBoundingClientRect().top)
    await eventually('older messages', async () => (await top()) !== first)
    let now
    await eventually(() => `${first} at ${before}, it stands at ${now}`, async () => Math.abs((now = await place()) - before) <= 2)
    first = await top()
  }
  await ann.sees(...all)
  await ann.page.getByText('This is where it begins.').waitFor()
})

test('nothing comes from outside, and no script from the page itself', async () => {
  const server = await scene.server()
  const profile = await scene.profile()
  const asked = new Set()
  profile.context.on('request', (request) => asked.add(new URL(request.url()).host))
  const page = await profile.context.newPage()
  const response = await page.goto(`${server.url}/?user=ann&conversation=lobby`)
  await page.getByLabel('Message').waitFor()
  assert.deepEqual([...asked], [new URL(server.url).host])
  const policy = response.headers()['content-security-policy']
  assert.match(policy, /default-src 'none'|default-src 'self'/)
  assert.doesNotMatch(policy, /unsafe|\*|https:|http:|data:.*script/)
  await page.evaluate(() => document.head.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = true' })))
  assert.equal(await page.evaluate(() => window.ran), undefined)
  assert.notEqual(profile.faults.length, 0, 'a violation is noticed')
  profile.faults.length = 0
})

test('who stands at the end stays there when a long message is deleted', async () => {
  const server = await scene.server()
  const ann = await Observer.connect(server.url, 'ann')
  for (let n = 1; n <= 40; n++) await ann.send('lobby', `line ${n}`)
  const bob = await scene.person(server, 'bob')
  const long = await ann.send('lobby', 'word '.repeat(400))
  const inHistory = bob.page.locator('.messages .text', { hasText: 'word word' })
  await inHistory.waitFor()
  const fromEnd = () => bob.page.locator('.history').evaluate((box) => box.scrollHeight - box.clientHeight - box.scrollTop)
  await eventually('the end', async () => (await fromEnd()) < 2)
  await ann.ask('delete_message', { messageId: long.messageId })
  await inHistory.waitFor({ state: 'detached' })
  for (let n = 1; n <= 12; n++) await ann.send('lobby', `after ${n}`)
  await bob.message('after 12').waitFor()
  await eventually('the end', async () => (await fromEnd()) < 2)
  ann.close()
})

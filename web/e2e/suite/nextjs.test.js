// The example app as `make nextjs` runs it: next dev in Strict Mode, MariaDB,
// Corrillo with tokens, with authz.query and with the mirror.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startExample } from '../../nextjs/scripts/run.js'
import { becomes, eventually, stage } from '../people.js'

const scene = stage()
let example

before(async () => {
  example = await startExample({ folder: '.next/browser-tests' })
  await compile()
})
after(() => example?.stop())

/** Asks for each page once: next dev makes it when somebody asks, which takes longer than a test waits for a page. */
async function compile() {
  const form = new URLSearchParams({ user: 'carla' })
  const entered = await fetch(`${example.url}/api/session`, { method: 'POST', body: form, redirect: 'manual', headers: { origin: example.url } })
  const headers = { cookie: entered.headers.get('set-cookie').split(';')[0], origin: example.url }
  for (const path of ['/chat/general', '/moderation', '/api/notice']) await fetch(example.url + path, { headers })
  const token = await fetch(`${example.url}/api/chat-token`, { method: 'POST', headers })
  assert.ok(token.ok, await token.text())
}

/** Someone who has signed in, in a browser of their own, with a conversation open. */
class Guest {
  static async enter(user, conversation = 'general') {
    const guest = new Guest()
    guest.user = user
    guest.profile = await scene.profile()
    const { request } = guest.profile.context
    const entered = await request.post(`${example.url}/api/session`, { form: { user }, headers: { origin: example.url }, maxRedirects: 0 })
    assert.equal(entered.status(), 303)
    guest.page = await guest.profile.page(`${example.url}/chat/${conversation}`)
    await guest.page.getByLabel('Message').waitFor()
    return guest
  }

  async write(text) {
    await this.page.getByLabel('Message').fill(text)
    await this.page.getByRole('button', { name: 'Send', exact: true }).click()
  }

  line(text) {
    return this.page.getByRole('log').getByRole('listitem').filter({ hasText: text })
  }

  /** A line is there, once. */
  sees(text) {
    return becomes(`${this.user} to see "${text}"`, 1, () => this.line(text).count())
  }
}

/** Rows of the app's own table, as `prisma.directMessage.findMany` finds them. */
const rows = (content) => example.database.query(`SELECT * FROM DirectMessage WHERE content = '${content}'`)

test('Strict Mode opens one connection for each user', async () => {
  const profile = await scene.profile()
  const ann = Object.assign(new Guest(), { user: 'ann', profile, page: await profile.page(example.url) })
  await ann.page.getByRole('button', { name: 'Sign in as Ann' }).click()
  await ann.page.getByRole('heading', { name: 'General' }).waitFor()
  const bob = await Guest.enter('bob')
  await ann.write('one connection?')
  await bob.sees('one connection?')
  await bob.write('one.')
  await ann.sees('one.')
  assert.equal(await example.corrillo.connections(), 2, 'open connections of two users')
  assert.equal(await example.corrillo.metric('corrillo_users'), 2)

  const opened = await example.corrillo.opened()
  await bob.page.reload()
  await bob.write('again')
  await ann.sees('again')
  assert.equal(await example.corrillo.opened(), opened + 1, 'a page that is loaded again opens one')
  await ann.page.getByRole('link', { name: 'Kitchen' }).click()
  await ann.page.getByRole('heading', { name: 'Kitchen' }).waitFor()
  await ann.write('turned the page')
  await becomes('its row', 1, async () => (await rows('turned the page')).length)
  assert.equal(await example.corrillo.opened(), opened + 1, 'another page of the app keeps the connection')
})

test('what is written is in the table of the app, and its marks are told', async () => {
  const ann = await Guest.enter('ann')
  await ann.write('for the table')
  await ann.line('for the table').getByText('Sent').waitFor()
  const [row] = await rows('for the table')
  assert.equal(row.senderId, 'ann')
  assert.equal(row.conversationId, 'general')
  const bob = await Guest.enter('bob')
  await bob.sees('for the table')
  await ann.line('for the table').getByText('Read').waitFor()
})

test('a notice of the API route appears in both browsers', async () => {
  const ann = await Guest.enter('ann')
  const bob = await Guest.enter('bob')
  await ann.page.getByLabel('Notice').fill('Lunch is ready')
  await ann.page.getByRole('button', { name: 'Send notice' }).click()
  for (const guest of [ann, bob]) await guest.sees('Lunch is ready')
  assert.equal((await rows('Lunch is ready')).length, 1)
})

test("the moderator's deletion: gone at once, and after a reload", async () => {
  const ann = await Guest.enter('ann')
  const bob = await Guest.enter('bob')
  await ann.write('something rude')
  await ann.write('something nice')
  await bob.sees('something rude')
  await bob.sees('something nice')
  const carla = await Guest.enter('carla')
  await carla.page.goto(`${example.url}/moderation`)
  const entry = carla.page.getByRole('listitem').filter({ hasText: 'something rude' })
  await entry.getByRole('button', { name: 'Delete' }).click()
  for (const guest of [ann, bob]) {
    await becomes('the line to go', 0, () => guest.line('something rude').count())
    await guest.sees('something nice')
  }
  await becomes("the moderator's entry to go", 0, () => entry.count())
  for (const guest of [ann, bob]) {
    await guest.page.reload()
    await guest.sees('something nice')
    assert.equal(await guest.line('something rude').count(), 0)
    await guest.page.locator('[data-state=sent], [data-state=read]').last().waitFor()
  }
  assert.equal((await example.database.query("SELECT * FROM DirectMessage WHERE content = 'something rude' AND deletedAt IS NULL")).length, 0)
})

test('history after a hard reload comes from MySQL, also without JavaScript', async () => {
  const ann = await Guest.enter('ann')
  await ann.write('kept for good')
  await ann.line('kept for good').getByText('Sent').waitFor()
  await ann.page.reload()
  await ann.sees('kept for good')

  const plain = await scene.profile({ javaScriptEnabled: false, storageState: await ann.profile.context.storageState() })
  const page = await plain.page(`${example.url}/chat/general`)
  await page.getByRole('log').getByText('kept for good').waitFor()
  await page.getByRole('log').getByText('Good morning, everybody').waitFor()

  // What the page shows is the table's, whoever wrote it there.
  await example.database.query("UPDATE DirectMessage SET content = 'kept in the table' WHERE content = 'kept for good'")
  await page.reload()
  await page.getByRole('log').getByText('kept in the table').waitFor()
})

test('who is no participant, or no moderator, gets nothing', async () => {
  const carla = await Guest.enter('carla')
  const kitchen = await carla.page.goto(`${example.url}/chat/kitchen`)
  assert.equal(kitchen.status(), 404)
  const bob = await Guest.enter('bob')
  const moderation = await bob.page.goto(`${example.url}/moderation`)
  assert.equal(moderation.status(), 404)
  const stranger = await scene.profile()
  const page = await stranger.page(`${example.url}/chat/general`)
  await eventually('the way to the door', () => page.getByText('Who are you?').isVisible())
  for (const profile of [carla.profile, bob.profile]) profile.faults.length = 0 // Chromium counts a 404 as an error.
})

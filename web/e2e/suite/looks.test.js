import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { becomes, eventually, NO_NETWORK, Person, stage } from '../people.js'

const scene = stage()
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds, as sentences. */
async function findings(page) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
  return violations.flatMap((v) => v.nodes.map((node) => `${v.id}: ${node.target} - ${node.failureSummary}`))
}

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing, nothing is cut off: ${colorScheme}`, async () => {
    const server = await scene.server()
    const options = { colorScheme, bypassCSP: true, expect: NO_NETWORK } // axe is brought into the page by the test
    const profile = await scene.profile(options)
    const page = await profile.page(server.url)
    const look = async (state) => {
      for (const width of [320, 360, 768, 1440]) {
        await page.setViewportSize({ width, height: 800 })
        if (width === 360 || width === 1440) assert.deepEqual(await findings(page), [], `${state}, ${width} px`)
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        assert.ok(wide <= 0, `${state}: ${wide} px too wide at ${width} px`)
      }
    }
    await look('signing in')
    await page.getByLabel('Your name').fill('ann')
    await page.getByRole('button', { name: 'Enter' }).click()
    await page.getByText('Nothing here yet').waitFor()
    await look('no chats')
    await page.getByLabel('Conversation').fill('lobby')
    await page.getByRole('button', { name: 'Join' }).click()
    await page.getByText('Nobody has said anything yet').waitFor()
    await look('empty')
    const ann = new Person(profile, page, 'ann')
    const bob = await scene.person(server, 'bob', 'lobby', { expect: NO_NETWORK })
    await ann.write('see https://example.org/with/a/long/address/that/goes/on/and/on/and/on/and/on/without/an/end')
    await ann.write('W'.repeat(300))
    await bob.write('mine')
    await ann.message('mine').waitFor()
    await page.getByRole('button', { name: 'People' }).click()
    await look('talking')
    await page.getByRole('button', { name: 'Actions' }).first().click()
    await look('a menu')
    await page.keyboard.press('Escape')
    await server.kill()
    await ann.write('unsent')
    await page.getByText('Trying again').waitFor()
    await look('reconnecting')
  })
}

test('everything by keyboard', async () => {
  const server = await scene.server()
  const profile = await scene.profile()
  const page = await profile.page(server.url)
  const focusOn = (id) => eventually(`focus on ${id}`, () => page.evaluate((id) => document.activeElement?.id === id, id))
  await focusOn('who')
  await page.keyboard.type('ann')
  await page.keyboard.press('Enter')
  await focusOn('conversation')
  await page.keyboard.type('lobby')
  await page.keyboard.press('Enter')
  await focusOn('message')
  await page.keyboard.type('one')
  await page.keyboard.press('Shift+Enter')
  await page.keyboard.type('two')
  await page.keyboard.press('Enter')
  const ann = new Person(profile, page, 'ann')
  await ann.sees('one\ntwo')
  await becomes('the mark', ['sent'], () => ann.marks())
  const dots = page.getByRole('button', { name: 'Actions' })
  await dots.focus()
  await page.keyboard.press('Enter')
  await page.keyboard.press('Enter') // Edit
  await page.keyboard.type('!')
  await page.keyboard.press('Enter')
  await ann.sees('one\ntwo!')
})

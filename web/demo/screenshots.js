// Pictures of the page: the two that the README shows, or with a folder as
// argument every state at every width, for whoever changes how it looks. Two
// more arguments choose: npm run screenshots -w corrillo-demo -- /tmp/p talk,edit phone
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { io } from 'socket.io-client'
import { launch } from '../testkit/browser.js'
import { Server } from '../testkit/server.js'

const SECRET = 'a secret for pictures'
const MINUTE = 60_000
const SIZES = { phone: [360, 740], tablet: [768, 1024], desktop: [1440, 900] }

/** What was said in the pictures: minutes ago, who, what. */
const STORY = [
  [1620, 'Lucía', 'Morning all! The room for Thursday is booked: the one with the round table.'],
  [1618, 'Lucía', 'Twelve seats, so tell me if you bring somebody.'],
  [1601, 'Omar Haddad', 'I will come with Noor, if that is fine.'],
  [1600, 'Omar Haddad', 'مساء الخير للجميع'],
  [1594, 'Alice', 'More than fine. I make the list: https://example.org/thursday'],
  [96, 'Bo Lindqvist', 'Is there a projector, or do we bring the small one?'],
  [94, 'Lucía', 'There is one, but nobody has ever seen it work 😄'],
  [93, 'Alice', 'I bring ours, then.'],
  [92, 'Alice', 'And the long cable. Last time it was forty centimetres too short, and we all sat in one corner of the room like penguins.'],
  [61, 'Noor', 'I have one that works. Small, but loyal.'],
  [12, 'Bo Lindqvist', 'Agenda, as far as I have it:\n1. What people asked for in spring\n2. What we made of it\n3. Cake'],
  [9, 'Omar Haddad', 'May I move the cake up?'],
  [4, 'Alice', 'Seconded. Cake is item one.'],
]

const OTHERS = [
  [30, 'direct', 'Bo Lindqvist', 'Alice', 'Could you send me the photos from the harbour?'],
  [7, 'direct', 'Noor', 'Alice', 'See you on Thursday!'],
  [200, 'reading-group', 'Lucía', null, 'Chapter nine it is. Bring a pencil.'],
  [3100, 'harbour-walk', 'Alice', null, 'Back at the boathouse at six'],
]

async function tell(server, message) {
  const { status, body } = await server.webhook('new-message', message)
  if (status !== 200) throw new Error(JSON.stringify(body))
}

/** Everything that was said before the page is opened. */
async function fill(server, { story = STORY, others = OTHERS, me = 'Alice' } = {}) {
  const at = (minutes) => new Date(Date.now() - minutes * MINUTE).toISOString()
  const who = (name) => ({ senderId: name, senderName: name })
  let n = 0
  for (const [ago, name, content] of story) {
    await tell(server, { id: `s${++n}`, ...who(name), content, conversationId: 'thursday', createdAt: at(ago) })
  }
  await server.webhook('membership', { conversationId: 'thursday', add: [me] })
  for (const [ago, where, name, receiverId, content] of others) {
    await tell(server, { id: `o${++n}`, ...who(name), content, createdAt: at(ago), ...(receiverId ? { receiverId } : { conversationId: where }) })
    if (!receiverId) await server.webhook('membership', { conversationId: where, add: [me] })
  }
}

/** Somebody who is online, has joined, and has read. */
function guest(server, name, conversationId = 'thursday') {
  const socket = io(server.url, { transports: ['websocket'] })
  const ask = (event, payload) => socket.timeout(20_000).emitWithAck(event, payload)
  return new Promise((resolve, reject) => {
    socket.on('connect', async () => {
      try {
        await ask('identify', { userId: name, username: name })
        const { lastSeq } = await ask('join_conversation', { conversationId })
        if (lastSeq > 0) await ask('mark_read', { conversationId, seq: lastSeq })
        resolve({ ask, close: () => socket.close() })
      } catch (error) {
        reject(error)
      }
    })
  })
}

async function sitting(browser, server, { size, colorScheme = 'light', query = {}, locale = 'en-GB' }, act) {
  const [width, height] = SIZES[size]
  const context = await browser.newContext({
    locale, colorScheme, viewport: { width, height }, timezoneId: 'Europe/Madrid', deviceScaleFactor: size === 'phone' ? 2 : 1, hasTouch: size === 'phone',
  })
  const page = await context.newPage()
  try {
    await page.goto(`${server.url}/?${new URLSearchParams(query)}`)
    await act(page, context)
  } finally {
    await context.close()
  }
}

const talking = async (page) => {
  await page.locator('.message .mark[data-mark=read]').last().waitFor()
  await page.locator('.chat').nth(4).waitFor({ state: 'attached' })
  await page.locator('.banner[data-state=connected]').waitFor({ state: 'attached' })
}

/** The states of the page, by name. Each leaves the page as the picture shows it. */
const STATES = {
  'sign-in': [{}, (page) => page.getByLabel('Your name').waitFor()],
  empty: [{ user: 'Mia' }, (page) => page.locator('.no-chats').waitFor()],
  chats: [{ user: 'Alice' }, (page) => page.locator('.chat').nth(4).waitFor()],
  quiet: [{ user: 'Zoe', conversation: 'new-room' }, (page) => page.getByText('Nobody has said').waitFor()],
  talk: [{ user: 'Alice', conversation: 'thursday' }, talking],
  people: [{ user: 'Alice', conversation: 'thursday' }, async (page) => {
    await talking(page)
    await page.getByRole('button', { name: 'People' }).click()
  }],
  menu: [{ user: 'Alice', conversation: 'thursday' }, async (page) => {
    await talking(page)
    await page.getByRole('button', { name: 'Actions' }).last().click()
  }],
  question: [{ user: 'Alice', conversation: 'thursday' }, async (page) => {
    await talking(page)
    await page.getByRole('button', { name: 'Actions' }).last().press('Enter')
    await page.getByText('Delete', { exact: true }).click()
  }],
  edit: [{ user: 'Alice', conversation: 'thursday' }, async (page) => {
    await talking(page)
    await page.getByRole('button', { name: 'Actions' }).last().press('Enter')
    await page.keyboard.press('Enter')
  }],
  unread: [{ user: 'Carla', conversation: 'unread-room' }, (page) => page.locator('.new-line').waitFor()],
  direct: [{ user: 'Alice', conversation: 'thursday' }, async (page) => {
    await talking(page)
    if (await page.locator('.back').isVisible()) await page.locator('.back').click()
    await page.locator('.chat', { hasText: 'Bo Lindqvist' }).first().click()
    await page.getByText('photos from the harbour').last().waitFor()
  }],
  offline: [{ user: 'Alice', conversation: 'thursday' }, async (page, context) => {
    await talking(page)
    await context.setOffline(true)
    await page.locator('.banner[data-state=offline]').waitFor()
    await page.getByLabel('Message').fill('This one waits for the network.')
    await page.keyboard.press('Enter')
    await page.locator('.mark[data-mark=pending]').waitFor()
  }],
  failed: [{ user: 'Zoe', conversation: 'thursday' }, async (page, context) => {
    await page.locator('.message', { hasText: 'Cake is item one' }).waitFor()
    await page.locator('.banner[data-state=connected]').waitFor({ state: 'attached' })
    await context.setOffline(true)
    await page.locator('.banner[data-state=offline]').waitFor()
    await page.getByLabel('Message').fill('Am I still in?')
    await page.keyboard.press('Enter')
    await page.locator('.mark[data-mark=pending]').waitFor()
    await page.server.webhook('membership', { conversationId: 'thursday', remove: ['Zoe'] })
    await context.setOffline(false)
    await page.getByRole('button', { name: 'Retry' }).waitFor()
  }],
  spanish: [{ user: 'Alice', conversation: 'thursday', lang: 'es' }, talking],
  odd: [{ user: 'Alice', conversation: 'a-very-long-name-of-a-conversation-that-does-not-fit-anywhere-at-all' }, (page) => page.locator('.message').nth(5).waitFor()],
}

const ODD = ['W'.repeat(240), 'word '.repeat(900), 'שלום עולם, זה טקסט מימין לשמאל', '😀😀😀', '<img src=x onerror=alert(1)> & <b>bold</b>', 'short']

async function all(browser, folder) {
  await mkdir(folder, { recursive: true })
  const server = await Server.start({ env: { WEBHOOK_SECRET: SECRET } })
  const guests = []
  try {
    await fill(server)
    let n = 0
    for (const content of ODD) {
      const conversationId = STATES.odd[0].conversation
      await tell(server, { id: `odd${++n}`, senderId: n % 2 ? 'Bo' : 'Alice', senderName: n % 2 ? 'Bo' : 'Alice', content, conversationId })
    }
    for (let i = 0; i < 40; i++) {
      await tell(server, { id: `u${i}`, senderId: i === 20 ? 'Carla' : 'Bo', senderName: i === 20 ? 'Carla' : 'Bo', content: `Line ${i}`, conversationId: 'unread-room' })
    }
    for (const name of ['Lucía', 'Noor', 'Bo Lindqvist']) guests.push(await guest(server, name))
    const chosen = process.argv[3]?.split(',') ?? Object.keys(STATES)
    const sizes = process.argv[4]?.split(',') ?? Object.keys(SIZES)
    for (const size of sizes) {
      for (const colorScheme of ['light', 'dark']) {
        for (const name of chosen) {
          const [query, act] = STATES[name]
          await sitting(browser, server, { size, colorScheme, query }, async (page, context) => {
            page.server = server
            await act(page, context).catch((error) => console.error(`${name}, ${size}: ${error.message.split('\n')[0]}`))
            if (name === 'failed') await server.webhook('membership', { conversationId: 'thursday', add: ['Zoe'] })
            await page.screenshot({ path: path.join(folder, `${name}-${size}-${colorScheme}.png`) })
          })
        }
      }
    }
  } finally {
    for (const one of guests) one.close()
    await server.remove()
  }
}

async function readme(browser) {
  const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../docs/img')
  await mkdir(folder, { recursive: true })
  const server = await Server.start({ env: { WEBHOOK_SECRET: SECRET } })
  const guests = []
  try {
    await fill(server)
    for (const name of ['Lucía', 'Noor', 'Bo Lindqvist']) guests.push(await guest(server, name))
    for (const [size, colorScheme] of [['desktop', 'light'], ['phone', 'dark']]) {
      await sitting(browser, server, { size, colorScheme, query: STATES.talk[0] }, async (page) => {
        await talking(page)
        await guests[0].ask('typing', { conversationId: 'thursday' })
        await page.getByText('is typing').waitFor()
        await page.screenshot({ path: path.join(folder, `${size}-${colorScheme}.png`) })
        await guests[0].ask('typing', { conversationId: 'thursday', isTyping: false })
      })
    }
  } finally {
    for (const one of guests) one.close()
    await server.remove()
  }
}

const browser = await launch()
try {
  if (process.argv[2]) await all(browser, path.resolve(process.argv[2]))
  else await readme(browser)
} finally {
  await browser.close()
}

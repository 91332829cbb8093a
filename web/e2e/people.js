// People at the page, as tests speak of them.
import { after, afterEach, before } from 'node:test'
import { launch, NO_NETWORK, Profile } from '../testkit/browser.js'
import { Server } from '../testkit/server.js'
import { becomes, eventually } from '../testkit/waiting.js'

export { becomes, eventually, NO_NETWORK, Server }

/**
 * A browser for the tests of one file, and what each of them opened. A test
 * that fails leaves pictures; a page in which something went wrong fails it.
 */
export function stage() {
  let browser
  let profiles = []
  let servers = []
  before(async () => (browser = await launch()))
  after(() => browser?.close())
  afterEach(async (test) => {
    const failed = test.passed === false || test.error
    if (failed) {
      for (const profile of profiles) for (const file of await profile.pictures()) console.error(`picture: ${file}`)
      for (const server of servers) console.error(`server said:\n${server.output.slice(-2000)}`)
    }
    const faults = profiles.flatMap((profile) => profile.faults)
    await Promise.all(profiles.map((profile) => profile.close()))
    await Promise.all(servers.map((server) => server.remove()))
    profiles = []
    servers = []
    if (faults.length) throw new Error(`in the pages:\n${faults.join('\n')}`)
  })
  return {
    get browser() {
      return browser
    },
    async server(options) {
      const server = await Server.start(options)
      servers.push(server)
      return server
    },
    /** Takes care of a server that the test has made. */
    keep(server) {
      servers.push(server)
      return server
    },
    async profile(options) {
      const profile = await Profile.open(browser, options)
      profiles.push(profile)
      return profile
    },
    /** A person in a browser of their own, with a conversation open. */
    async person(server, user, conversation = 'lobby', options = {}) {
      const profile = await this.profile(options)
      return Person.open(profile, server.url, user, conversation)
    },
  }
}

/** Someone at an open page. */
export class Person {
  constructor(profile, page, user) {
    Object.assign(this, { profile, page, user })
  }

  static async open(profile, url, user, conversation) {
    const query = new URLSearchParams({ user, ...(conversation && { conversation }) })
    const person = new Person(profile, await profile.page(`${url}/?${query}`), user)
    if (conversation) await person.page.getByLabel('Message').waitFor()
    return person
  }

  /** Waits until the server knows who it is. */
  connected() {
    return this.page.locator('.banner[data-state=connected]').waitFor({ state: 'attached' })
  }

  /** Looks at the page, or at another window: no browser under test has one of its own. */
  looks(does) {
    return this.page.evaluate((does) => {
      document.hasFocus = () => does
      dispatchEvent(new Event(does ? 'focus' : 'blur'))
    }, does)
  }

  async write(text) {
    await this.page.getByLabel('Message').fill(text)
    await this.page.getByRole('button', { name: 'Send' }).click()
  }

  /** Writes one after the other, as quickly as the page takes them. */
  async writeAll(texts) {
    await this.page.getByLabel('Message').evaluate(async (field, lines) => {
      const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set
      for (const line of lines) {
        set.call(field, line)
        field.dispatchEvent(new Event('input', { bubbles: true }))
        await new Promise(requestAnimationFrame)
        field.form.requestSubmit()
        await new Promise(requestAnimationFrame)
      }
    }, texts)
  }

  /** Waits until nothing is pending, for as long as it gets less: a busy machine needs longer for many messages. */
  async allSent() {
    const pending = () => this.page.locator('[data-mark=pending]').count()
    for (let left = await pending(); left > 0; ) {
      const before = left
      await eventually(`the ${before} pending messages of ${this.user} to get less`, async () => (left = await pending()) < before)
    }
  }

  /** A message by its text. */
  message(text) {
    return this.page.locator('.message', { has: this.page.getByText(text, { exact: true }) })
  }

  /** What is shown, oldest first. */
  texts() {
    return this.page.locator('.message .text').allTextContents()
  }

  /** What became of own messages, in order: pending, sent or read. */
  marks() {
    return this.page.locator('.message .mark').evaluateAll((marks) => marks.map((mark) => mark.dataset.mark))
  }

  sees(...texts) {
    return becomes(`${this.user} to see`, texts, () => this.texts())
  }

  chat(name) {
    return this.page.locator('.chat', { has: this.page.locator('.chat-name', { hasText: name }) })
  }

  /** What the list shows, topmost first: each name with what is unread. */
  chats() {
    return this.page.locator('.chat').evaluateAll((chats) =>
      chats.map((chat) => [chat.querySelector('.chat-name bdi'), chat.querySelector('.badge .visually-hidden')].map((part) => part?.textContent).filter(Boolean).join(' ')),
    )
  }

  /** Goes back to the conversation whose name the list shows. */
  go(name) {
    return this.chat(name).click()
  }
}

// A real Chromium, and what goes wrong inside its pages.
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chromium } from 'playwright-core'
import { PATIENCE } from './waiting.js'

/**
 * Starts Chromium (CHROMIUM names another than Debian's). Close it when done.
 * @returns {Promise<import('playwright-core').Browser>}
 */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
  })
}

/** Whatever a browser says when it cannot reach the server: for tests that take it away. */
export const NO_NETWORK = /net::ERR_|WebSocket connection to .* failed|Failed to load resource/

/** Chromium logs a policy's violation as an error of the console; this says which rule it was. */
function tellViolations() {
  document.addEventListener('securitypolicyviolation', (event) => {
    console.error(`Content-Security-Policy: ${event.effectiveDirective} forbids ${event.blockedURI || event.sample}`)
  })
}

/** One user's browser profile: pages in it share storage and locks. */
export class Profile {
  /**
   * @param {import('playwright-core').Browser} browser
   * @param {import('playwright-core').BrowserContextOptions & {expect?: RegExp}} [options]
   *   of the context (en-US and 1024 x 768 by default); `expect` is what may be in the console
   */
  static async open(browser, { expect, ...options } = {}) {
    const profile = new Profile()
    profile.expect = expect
    /** Console errors, uncaught exceptions and violations of the policy, in any page. */
    profile.faults = []
    profile.context = await browser.newContext({ locale: 'en-US', viewport: { width: 1024, height: 768 }, ...options })
    profile.context.setDefaultTimeout(PATIENCE)
    profile.context.on('console', (message) => {
      if (message.type() === 'error') profile.#blame(`${message.text()} (${message.location().url})`)
    })
    profile.context.on('weberror', (error) => profile.#blame(error.error().stack ?? String(error.error())))
    await profile.context.addInitScript(tellViolations)
    return profile
  }

  #blame(text) {
    if (!this.expect?.test(text)) this.faults.push(text)
  }

  /** Opens a page at an address. */
  async page(url) {
    const page = await this.context.newPage()
    await page.goto(url)
    return page
  }

  /** Pictures of all its pages as they are now, into a temporary folder. Returns their paths. */
  async pictures() {
    const folder = await mkdtemp(path.join(tmpdir(), 'corrillo-pictures-'))
    const files = []
    for (const page of this.context.pages()) {
      const file = path.join(folder, `${files.length + 1}.png`)
      if (await page.screenshot({ path: file, timeout: 5000 }).catch(() => null)) files.push(`${file} (${page.url()})`)
    }
    return files
  }

  close() {
    return this.context.close()
  }
}

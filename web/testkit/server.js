// The corrillo server itself, built from this repository, as a process that a
// test starts, kills and starts again.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { find, freePort, Process, run } from './process.js'
import { eventually, final } from './waiting.js'

// Not by URL: a test's document may have its own.
const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

/** Settings that a server under test must not take from the shell it is started in. */
const FOREIGN = /^(CORRILLO_|WEBHOOK_|JWT_|CORS_|DATABASE_URL$|PORT$)/

let built

/**
 * The path of the server's binary: CORRILLO_BINARY, or built once for this
 * process into a temporary folder.
 * @returns {Promise<string>}
 */
export function binary() {
  built ??= process.env.CORRILLO_BINARY ? Promise.resolve(process.env.CORRILLO_BINARY) : build()
  return built
}

/** Builds the server into a folder, a temporary one by default, and gives the binary's path. */
export async function build(folder) {
  const file = path.join(folder ?? await mkdtemp(path.join(tmpdir(), 'corrillo-build-')), 'corrillo')
  await run([find('go'), 'build', '-o', file, './cmd/corrillo'], { cwd: repository })
  return file
}

/** A running server on free ports of 127.0.0.1 with a folder of its own. */
export class Server {
  /**
   * Starts one in developer's mode (trust, open membership, any origin, SQLite
   * in its folder unless `database` names another) and returns when it is ready.
   *
   * @param {object} [options]
   * @param {string[]} [options.args] more flags of `corrillo serve`; later ones win
   * @param {Record<string, string>} [options.env] such as WEBHOOK_SECRET
   * @param {string} [options.database] mysql://... ; SQLite when absent
   * @param {boolean} [options.dev] false leaves out --dev
   * @param {string} [options.binary] another than `binary` gives
   * @param {number} [options.port] that clients come to; a free one when absent
   */
  static async start(options = {}) {
    for (let tries = 1; ; tries++) {
      const server = await Server.prepare(options)
      try {
        await server.again()
        return server
      } catch (error) {
        await server.remove()
        // Another process may have taken a port that was free a moment ago.
        if (tries === 3 || !/is in use by another process/.test(error.message)) throw error
      }
    }
  }

  /** As start, without starting it: `again` does. */
  static async prepare({ args = [], env = {}, database, dev = true, port, binary: file } = {}) {
    const server = new Server()
    server.folder = await mkdtemp(path.join(tmpdir(), 'corrillo-server-'))
    server.file = file
    server.port = port ?? await freePort()
    server.adminPort = await freePort()
    server.url = `http://127.0.0.1:${server.port}`
    server.adminUrl = `http://127.0.0.1:${server.adminPort}`
    server.flags = [
      'serve', ...(dev ? ['--dev'] : []), '--host=127.0.0.1', `--port=${server.port}`,
      `--admin-addr=127.0.0.1:${server.adminPort}`, '--drain-period=1s', ...args,
    ]
    const own = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name))
    server.env = { ...Object.fromEntries(own), ...(database ? { DATABASE_URL: database } : {}), ...env }
    return server
  }

  /** The last of what it wrote, over all its runs. */
  get output() {
    return ((this.before ?? '') + (this.process?.output ?? '')).slice(-8000)
  }

  /** Starts it, again after kill or stop: the same ports, the same store. */
  async again() {
    this.before = this.output
    this.process = new Process([this.file ?? await binary(), ...this.flags], { cwd: this.folder, env: this.env })
    await eventually(() => `the server to be ready:\n${this.output}`, async () => {
      if (!this.process.running) throw final(`the server ended (${await this.process.ended}):\n${this.output}`)
      const response = await fetch(`${this.url}/readyz`)
      await response.arrayBuffer()
      return response.ok
    })
  }

  /** Ends it as a power cut would. */
  async kill() {
    await this.process?.end('SIGKILL')
  }

  /** Ends it with SIGTERM and resolves with its exit code. */
  async stop() {
    return this.process?.end('SIGTERM')
  }

  /** Ends it and deletes its folder. */
  async remove() {
    await this.kill()
    await rm(this.folder, { recursive: true, force: true })
  }

  /**
   * A figure of /metrics: the sum over all series of that name whose labels
   * include the given ones, 0 when there is none.
   *
   * @param {string} name
   * @param {Record<string, string>} [labels]
   */
  async metric(name, labels = {}) {
    const response = await fetch(`${this.adminUrl}/metrics`)
    let sum = 0
    for (const line of (await response.text()).split('\n')) {
      const series = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
      if (series?.[1] !== name) continue
      const has = Object.fromEntries([...(series[2] ?? '').matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1], m[2]]))
      if (Object.entries(labels).every(([key, value]) => has[key] === value)) sum += Number(series[3])
    }
    return sum
  }

  /** Client connections that are open now, of every kind. */
  connections() {
    return this.metric('corrillo_connections')
  }

  /** Client connections that were ever opened in this run. */
  opened() {
    return this.metric('corrillo_connections_opened_total')
  }

  /** Calls the webhook. Resolves with {status, body}. */
  async webhook(endpoint, body, secret = this.env.WEBHOOK_SECRET) {
    const response = await fetch(`${this.url}/webhook/${endpoint}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
      body: JSON.stringify(body),
    })
    return { status: response.status, body: await response.json() }
  }
}

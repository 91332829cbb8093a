// A Server is a corrillo process of this test's own, which may stop it and
// start it again on the same port and the same database.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort } from '../../../web/testkit/process.js'
import { within } from './client.js'

const binary = process.env.E2E_BINARY

export class Server {
  static async start() {
    if (!binary) throw new Error('E2E_BINARY must name the corrillo binary')
    const folder = await mkdtemp(path.join(tmpdir(), 'corrillo-e2e-'))
    const server = new Server(folder, await freePort())
    await server.again()
    return server
  }

  constructor(folder, port) {
    this.folder = folder
    this.port = port
    this.url = `http://127.0.0.1:${port}`
  }

  // again starts the process and waits until it is ready.
  async again() {
    const { DATABASE_URL: _, ...env } = process.env
    const args = ['serve', '--dev', '--host=127.0.0.1', `--port=${this.port}`, '--admin-addr=off', '--drain-period=2s']
    this.output = ''
    this.process = spawn(binary, args, { cwd: this.folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.on('data', (chunk) => { this.output = (this.output + chunk).slice(-8000) })
    }
    this.ended = new Promise((resolve) => this.process.once('exit', (code, signal) => resolve(code ?? signal)))
    await within(() => `the server to be ready:\n${this.output}`, this.#ready())
  }

  async #ready() {
    let running = true
    this.ended.then(() => { running = false })
    while (running) {
      try {
        const response = await fetch(`${this.url}/readyz`)
        await response.text()
        if (response.ok) return
      } catch {
        // Not listening yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    throw new Error(`the server ended (${await this.ended}):\n${this.output}`)
  }

  // stop ends the process with SIGTERM and returns its exit code.
  stop() {
    this.process.kill('SIGTERM')
    return within(() => `the server to end:\n${this.output}`, this.ended)
  }

  async remove() {
    this.process.kill('SIGKILL')
    await this.ended
    await rm(this.folder, { recursive: true, force: true })
  }
}

// The example as a whole: MariaDB, Corrillo and `next dev` beside each other.
//
//   node scripts/run.js      runs it until Ctrl-C, as `make nextjs` does, on
//                            PORT (3000) and CORRILLO_PORT (3001). It uses the
//                            database of DATABASE_URL, or a MariaDB of its own
//                            whose data stay in .data
//
//   const example = await startExample({ folder: '.next-test' })
//   example.url, .corrilloUrl, .adminUrl, .databaseUrl    where everything is
//   example.corrillo, .database      the processes (web/testkit)
//   await example.stop()
//
// The package @corrillo/client must have been built. In an app of your own
// these parts are services of your machines, and none of this is there.
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseEnv } from 'node:util'
import { MariaDB } from '../../testkit/mariadb.js'
import { freePort, Process, run } from '../../testkit/process.js'
import { binary, build, Server } from '../../testkit/server.js'
import { eventually, final } from '../../testkit/waiting.js'
import { migrate, seed } from './database.js'

const app = fileURLToPath(new URL('../', import.meta.url))

/** Milliseconds that `next dev` has to make the first page, on the busiest of machines, and to end. */
const FIRST_PAGE = 300_000
const ENDING = 5_000

/**
 * Starts all of it and returns when the first page is there.
 *
 * @param {object} [options]
 * @param {number} [options.port] of the app; a free one when absent
 * @param {number} [options.corrilloPort] a free one when absent
 * @param {string} [options.databaseUrl] a MariaDB of its own when absent
 * @param {string} [options.data] where the data of that MariaDB stay; a temporary folder when absent
 * @param {string} [options.folder] where `next dev` builds, below this app. Two that run at once need two
 * @param {Record<string, string>} [options.secrets] others than those of .env.example
 * @param {AbortSignal} [options.signal] gives it up, and ends what runs by then
 * @param {(text: string) => void} [options.say] told what is done
 * @param {(text: string) => void} [options.output] told what `next dev` writes
 */
export async function startExample(options = {}) {
  const { say = () => {}, signal } = options
  const example = new Example()
  try {
    say('database, chat server')
    const [databaseUrl] = await Promise.all([example.openDatabase(options), binary(), generate()])
    signal?.throwIfAborted()
    await migrate(databaseUrl)
    await seed(databaseUrl)
    await bringOver(databaseUrl)
    example.url = `http://localhost:${options.port ?? (await freePort())}`
    const secrets = { ...parseEnv(readFileSync(path.join(app, '.env.example'), 'utf8')), ...options.secrets }
    await example.openCorrillo(secrets, options)
    signal?.throwIfAborted()
    say('next dev, and its first page')
    await example.openNext(secrets, options)
    return example
  } catch (error) {
    await example.stop()
    throw error
  }
}

/** What `startExample` gives. */
class Example {
  async openDatabase({ databaseUrl, data }) {
    if (!databaseUrl) this.database = await MariaDB.start({ database: 'example', data })
    return (this.databaseUrl = databaseUrl || this.database.url)
  }

  async openCorrillo({ JWT_SECRET, WEBHOOK_SECRET }, { corrilloPort }) {
    this.corrillo = await Server.start({
      dev: false,
      port: corrilloPort,
      database: this.databaseUrl,
      env: { JWT_SECRET, WEBHOOK_SECRET },
      args: [`--config=${path.join(app, 'corrillo.yaml')}`, `--cors-origins=${this.url}`],
    })
    this.corrilloUrl = `http://localhost:${this.corrillo.port}`
    this.adminUrl = this.corrillo.adminUrl
  }

  async openNext(secrets, { folder = '.next', output, signal }) {
    const next = createRequire(import.meta.url).resolve('next/dist/bin/next')
    const env = {
      ...process.env,
      ...secrets,
      DATABASE_URL: this.databaseUrl,
      CORRILLO_URL: this.corrillo.url,
      CORRILLO_PUBLIC_URL: this.corrilloUrl,
      NEXT_DIST_DIR: folder,
      NEXT_TELEMETRY_DISABLED: '1',
    }
    // A process group of its own: next dev has children, and all of them end together.
    const command = [process.execPath, next, 'dev', '--hostname', 'localhost', '--port', new URL(this.url).port]
    this.next = new Process(command, { cwd: app, env, detached: true })
    this.guard = guardGroup(this.next)
    if (output) {
      this.next.child.stdout.on('data', output)
      this.next.child.stderr.on('data', output)
    }
    const why = () => `next dev to answer:\n${this.next.output}`
    await eventually(why, async () => {
      if (signal?.aborted) throw final('given up')
      if (!this.next.running) throw final(`next dev ended:\n${this.next.output}`)
      return (await fetch(this.url, { signal })).ok
    }, { within: FIRST_PAGE, every: 100 })
  }

  /** Resolves with a sentence when a part ends by itself. */
  async failed() {
    const parts = [this.next, this.corrillo.process, this.database?.process].filter(Boolean)
    const part = await Promise.race(parts.map(async (part) => (await part.ended, part)))
    return `${part.name} ended:\n${part.output}`
  }

  /** Ends all parts, the app first, the database last. */
  async stop() {
    if (this.next) await endGroup(this.next)
    this.guard?.stdin.end()
    await this.corrillo?.stop()
    await this.corrillo?.remove()
    await this.database?.stop()
    await this.database?.remove()
  }
}

/** Ends the process and its children when this process is gone, however it went: then the pipe closes. */
function guardGroup({ child }) {
  const command = ['-c', 'read _; kill -s KILL -- "-$0"', String(child.pid)]
  return spawn('sh', command, { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
}

async function endGroup({ child, ended }) {
  const kill = (signal) => {
    try {
      process.kill(-child.pid, signal)
    } catch {
      // All of them are gone.
    }
  }
  kill('SIGTERM')
  const timer = setTimeout(kill, ENDING, 'SIGKILL')
  await ended
  clearTimeout(timer)
}

/** Prisma's client, from the schema. */
const generate = () => run(['npm', 'run', '--silent', 'generate'], { cwd: app, env: { ...process.env, CHECKPOINT_DISABLE: '1' } })

/** The messages that are in the app's table alone, into Corrillo's: once, though it is run at each start. */
async function bringOver(databaseUrl) {
  const command = ['import', '--config=corrillo.yaml', '--users-table=User', '--participants-table=ConversationParticipant', '--state=']
  await run([await binary(), ...command], { cwd: app, env: { ...process.env, DATABASE_URL: databaseUrl } })
}

/** What `make nextjs` runs. */
async function main(interrupted) {
  const env = path.join(app, '.env')
  if (!existsSync(env)) copyFileSync(`${env}.example`, env)
  const settings = parseEnv(readFileSync(env, 'utf8'))
  for (const name of Object.keys(settings)) settings[name] = process.env[name] ?? settings[name]

  const data = path.join(app, '.data')
  mkdirSync(data, { recursive: true })
  process.env.CORRILLO_BINARY ??= await build(data)
  const example = await startExample({
    port: Number(process.env.PORT || 3000),
    corrilloPort: Number(process.env.CORRILLO_PORT || 3001),
    databaseUrl: settings.DATABASE_URL,
    data: path.join(data, 'mariadb'),
    folder: process.env.NEXT_DIST_DIR,
    secrets: settings,
    signal: interrupted,
    say: (text) => console.log(`Starting ${text} ...`),
    output: (text) => process.stdout.write(text),
  })
  console.log(`
  The app     ${example.url}
  Corrillo    ${example.corrilloUrl}   (metrics: ${example.adminUrl}/metrics)

Ctrl-C ends both.`)
  const ended = new Promise((resolve) => interrupted.addEventListener('abort', () => resolve()))
  const failure = await Promise.race([ended, example.failed()])
  await example.stop()
  if (failure) throw new Error(failure)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupted.abort())
  await main(interrupted.signal).catch((error) => {
    if (interrupted.signal.aborted) return
    console.error(error.message)
    process.exitCode = 1
  })
}

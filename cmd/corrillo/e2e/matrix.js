// The two axes of the suite: which socket.io-client (E2E_CLIENT, one process
// each) and over which transports.
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { Scene } from './scene.js'

export const clientName = process.env.E2E_CLIENT ?? 'latest'

const { io } = await import(`client-${clientName}`)
export { io }

export const clientVersion = createRequire(import.meta.url)(`client-${clientName}/package.json`).version

const [major, minor] = clientVersion.split('.').map(Number)

// Connection state recovery came with 4.6; older clients read what they
// missed with join_conversation's afterSeq.
export const canRecover = major > 4 || (major === 4 && minor >= 6)

export const transports = [
  { name: 'polling', list: ['polling'], ends: 'polling' },
  { name: 'websocket', list: ['websocket'], ends: 'websocket' },
  { name: 'polling, then upgrade', list: ['polling', 'websocket'], ends: 'websocket' },
]

// each runs the tests that define declares once per transport, all at once.
// define gets `it(title, body)`; body gets a Scene that is cleared away after.
export function each(subject, define) {
  describe(`${subject}: socket.io-client ${clientVersion}`, { concurrency: true }, () => {
    for (const transport of transports) {
      describe(`over ${transport.name}`, { concurrency: true }, () => {
        define((title, body) => {
          test(title, { timeout: 60_000 }, async (t) => {
            const scene = new Scene(io, transport)
            t.after(() => scene.end())
            await body(scene)
          })
        }, transport)
      })
    }
  })
}

// Unmodified clients that come, upgrade and go while a node of two drains:
// E2E_URL is the balancer, E2E_CLIENTS the versions. Whoever is in the middle of
// an upgrade then has paused its polling. It says "coming and going" when all
// have connected, and at the first line of stdin they stay: each is to have a
// request answered soon.
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { within } from './client.js'

const sockets = 8 // of each version
const soon = 5_000
const all = []
let stay = false

// comeAndGo connects again and again, each time for a moment that is now shorter
// and now longer than an upgrade takes.
function comeAndGo(socket) {
  const next = () => {
    if (!stay) setTimeout(() => { if (!stay) socket.disconnect().connect() }, Math.random() * 150)
  }
  socket.on('connect', next)
  return once(socket, 'connect')
}

// answered resolves when a request is; one that goes down with a connection is
// made again.
function answered({ name, socket }) {
  return new Promise((resolve, reject) => {
    const ask = () => socket.emit('echo', 1, () => {
      clearInterval(again)
      clearTimeout(late)
      resolve()
    })
    const again = setInterval(ask, 250)
    const late = setTimeout(() => {
      clearInterval(again)
      const { engine } = socket.io
      reject(new Error(`${name} is silent: connected ${socket.connected}, engine ${engine?.readyState}, upgrading ${engine?.upgrading}`))
    }, soon)
    ask()
  })
}

for (const client of process.env.E2E_CLIENTS.split(',')) {
  const { io } = await import(`client-${client}`)
  for (let n = 0; n < sockets; n++) {
    const socket = io(process.env.E2E_URL, { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200 })
    all.push({ name: `${client} no. ${n}`, socket, came: comeAndGo(socket) })
  }
}
await within(() => 'all to connect', Promise.all(all.map(({ came }) => came)))
console.log('coming and going')
const lines = createInterface({ input: process.stdin })
await once(lines, 'line')
lines.close()
stay = true
await Promise.all(all.map(answered))
process.exit() // a socket that was closed in the middle of an upgrade lasts for a while

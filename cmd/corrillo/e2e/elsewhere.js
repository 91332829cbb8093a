// Unmodified clients whose requests go to one node of two and to the other, in
// turn: E2E_URL is the balancer, E2E_CLIENTS the versions. Every socket
// connects, over polling alone and with an upgrade, and has all its requests
// answered and all its events in order.
import assert from 'node:assert/strict'
import { within } from './client.js'

const url = process.env.E2E_URL
const sockets = 4 // of each kind, so that both nodes have some
const requests = 20

async function run(io, name, transports) {
  const socket = io(url, { transports, forceNew: true, reconnection: false })
  const failed = new Promise((_, reject) => {
    socket.on('connect_error', (err) => reject(new Error(`${name}: ${err}`)))
    socket.on('disconnect', (reason) => reject(new Error(`${name}: disconnected: ${reason}`)))
  })
  failed.catch(() => {}) // it may come after all is done
  const promised = (event) => Promise.race([within(() => `${name}: ${event}`, new Promise((resolve) => socket.once(event, resolve))), failed])
  try {
    await promised('connect')
    const { engine } = socket.io
    assert.match(engine.id, /^[ab]\.[\w-]{22}$/)
    const events = []
    socket.on('echoed', (n) => events.push(n))
    for (let n = 0; n < requests; n++) {
      const answer = new Promise((resolve) => socket.emit('echo', n, resolve))
      assert.equal(await Promise.race([within(() => `${name}: answer ${n}`, answer), failed]), n)
      if (n === requests / 2 && transports.length > 1 && engine.transport.name !== 'websocket') {
        await Promise.race([within(() => `${name}: upgrade`, new Promise((resolve) => engine.once('upgrade', resolve))), failed])
      }
    }
    assert.deepEqual(events, Array.from({ length: requests }, (_, n) => n))
    assert.equal(engine.transport.name, transports.at(-1))
    return engine.id[0]
  } finally {
    socket.close()
  }
}

for (const client of process.env.E2E_CLIENTS.split(',')) {
  const { io } = await import(`client-${client}`)
  for (const transports of [['polling'], ['polling', 'websocket']]) {
    const name = `${client} over ${transports}`
    const nodes = await Promise.all(Array.from({ length: sockets }, () => run(io, name, transports)))
    console.log(name, 'lived at', nodes.join(''))
  }
}

// How many connections the server holds, and what each costs. CONNECTIONS come
// in STEPS, CONNECT_RATE a second, each identifies, joins a room of ROOM and
// sends heartbeats; every step is held for HOLD; then they go as they came.
// The first connection that fails ends the run: that was the limit.
//
// With METRICS, the address of the server's metrics (http://host:3002/metrics),
// memory is read at the end of each step and its slope shown.

import exec from 'k6/execution'
import http from 'k6/http'
import { Gauge } from 'k6/metrics'
import { Order } from './lib/checks.js'
import { Crowd, range } from './lib/crowd.js'
import { after } from './lib/signal.js'
import { now } from './lib/clock.js'
import { options as optionsOf, crowdScenario, steady } from './lib/options.js'
import { output, table } from './lib/summary.js'
import { reading, slope } from './lib/readings.js'
import { settings } from './lib/env.js'

const s = settings(__ENV, { CONNECTIONS: 5000, ROOM: 10, STEPS: 5, HOLD: '20s', BEAT: '25s', METRICS: '', PER_VU: 250 })
const perStep = Math.ceil(s.CONNECTIONS / s.STEPS)
const stepTime = (1000 * perStep) / s.CONNECT_RATE + s.HOLD
const top = s.STEPS * stepTime
const opensAt = (i) => Math.floor(i / perStep) * stepTime + (1000 * (i % perStep)) / s.CONNECT_RATE
const total = top + (1000 * s.CONNECTIONS) / s.CONNECT_RATE

const scenarios = { connections: crowdScenario(s.CONNECTIONS, s.PER_VU, total) }
if (s.METRICS) scenarios.memory = crowdScenario(1, 1, top, { exec: 'memory' })

export const options = optionsOf(scenarios, s.CONNECTIONS, {
  ...steady, connect_failures: [{ threshold: 'count==0', abortOnFail: true }], disconnects: [{ threshold: 'count==0', abortOnFail: true }],
})

const perConnection = new Gauge('server_kb_per_connection')
const rss = new Gauge('server_rss_mb')

export function setup() {
  return { run: s.RUN || Date.now().toString(36) }
}

export default async function ({ run }) {
  const crowd = new Crowd(s, run, { beat: s.BEAT })
  const orders = new Map()
  for (const i of range(s.CONNECTIONS, s.PER_VU)) {
    const room = Math.floor(i / s.ROOM)
    if (!orders.has(room)) orders.set(room, new Order(s.ROOM))
    crowd.add(i, room, orders.get(room))
  }
  await crowd.open(opensAt, { once: true })
  await after(exec.scenario.startTime + top - now())
  await crowd.close((i) => (1000 * i) / s.CONNECT_RATE)
}

export async function memory() {
  const start = exec.scenario.startTime
  const steps = []
  for (let step = 1; step <= s.STEPS; step++) {
    await after(start + step * stepTime - 500 - now())
    const seen = reading((await http.asyncRequest('GET', s.METRICS)).body)
    steps.push(seen)
    rss.add(seen.rssKB / 1024)
    console.log(`${seen.connections} connections: ${(seen.rssKB / 1024).toFixed(1)} MB`)
  }
  if (steps.length > 1) perConnection.add(slope(steps))
}

export function handleSummary(data) {
  const title = `connections, ${s.DIALECT}: ${s.CONNECTIONS} in ${s.STEPS} steps, ${s.CONNECT_RATE} a second`
  return output(table(title, data, { gauges: [['server_rss_mb', 'server RSS, MB'], ['server_kb_per_connection', 'KB a connection']] }), data, s)
}

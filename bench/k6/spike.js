// From little to much and back, at once. A few rooms chat on, paced, while SPIKE
// more connections come within RAMP, all lose their connection in the same
// moment and come back (a reconnect storm: a network that flaps, a proxy that
// restarts), ROUNDS times, and go. The chat must not lose a message through it,
// and everybody must be back within BACK.

import exec from 'k6/execution'
import { Trend } from 'k6/metrics'
import { Order } from './lib/checks.js'
import { Crowd, range } from './lib/crowd.js'
import { paced } from './lib/load.js'
import { after } from './lib/signal.js'
import { now } from './lib/clock.js'
import { options as optionsOf, connecting, crowdScenario, promises } from './lib/options.js'
import { output, table } from './lib/summary.js'
import { settings } from './lib/env.js'

// Before the first wave and after the last one the chat is alone for CALM.
const s = settings(__ENV, { BASE: 100, SPIKE: 2000, ROOM: 10, RATE: 50, RAMP: '1s', HOLD: '15s', ROUNDS: 2, BACK: '30s', CALM: '5s' })
const perVu = Math.max(s.ROOM, s.PER_VU - (s.PER_VU % s.ROOM))
const connect = connecting(s.BASE, s.CONNECT_RATE)
const waves = s.RAMP + (s.ROUNDS + 1) * s.HOLD
const total = s.CALM + waves + s.CALM
const senders = Math.ceil(s.BASE / s.ROOM)

export const options = optionsOf({
  base: crowdScenario(s.BASE, perVu, connect + total, { exec: 'base' }),
  spike: crowdScenario(s.SPIKE, perVu, waves, { exec: 'spike', startTime: `${Math.ceil((connect + s.CALM) / 1000)}s` }),
}, s.BASE + s.SPIKE, { ...promises, back_time: [`max<${s.BACK}`] })

const backTime = new Trend('back_time', true)

export function setup() {
  return { run: s.RUN || Date.now().toString(36) }
}

function crowdOf(run, n, firstUser, firstRoom) {
  const crowd = new Crowd(s, run)
  const orders = new Map()
  for (const i of range(n, perVu)) {
    const room = Math.floor(i / s.ROOM)
    if (!orders.has(room)) orders.set(room, new Order(Math.min(s.ROOM, n - room * s.ROOM)))
    crowd.add(firstUser + i, firstRoom + room, orders.get(room))
  }
  return crowd
}

export async function base({ run }) {
  const crowd = crowdOf(run, s.BASE, 0, 0)
  await crowd.open((i) => (1000 * i) / s.CONNECT_RATE)
  const start = exec.scenario.startTime + connect
  const until = start + total
  await after(start - now())
  const interval = (1000 * senders) / s.RATE
  await Promise.all([...crowd.members].map(([i, member]) => (i % s.ROOM ? null
    : paced({ now, start: start + (i / s.BASE) * interval, until, interval, send: member.say }))))
  await crowd.settle()
  await crowd.close()
}

export async function spike({ run }) {
  const began = exec.scenario.startTime
  const crowd = crowdOf(run, s.SPIKE, s.BASE, senders)
  await crowd.open((i) => ((i - s.BASE) / s.SPIKE) * s.RAMP)
  for (let round = 1; round <= s.ROUNDS; round++) {
    await after(began + s.RAMP + round * s.HOLD - now())
    await Promise.all([...crowd.members.values()].map(async (member) => {
      const lost = now()
      await member.drop()
      if (member.joined) backTime.add(now() - lost)
    }))
  }
  await after(began + waves - now())
  await crowd.settle()
  await crowd.close()
}

export function handleSummary(data) {
  const title = `spike, ${s.DIALECT}: ${s.BASE} clients chat at ${s.RATE} messages/s, ${s.SPIKE} come in ${s.RAMP / 1000} s and reconnect at once, ${s.ROUNDS} times`
  return output(table(title, data, { seconds: total / 1000 }), data, s)
}

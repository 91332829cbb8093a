// A long, slow day: rooms of a few, each of whom writes now and then, and loses
// the connection now and then, in the middle of whatever goes on, and comes
// back with afterSeq. What was not acked is sent again with its tempId. Through
// all of it seq has to go on without a gap or a repeat.

import exec from 'k6/execution'
import { Order } from './lib/checks.js'
import { Crowd, range } from './lib/crowd.js'
import { paced } from './lib/load.js'
import { after } from './lib/signal.js'
import { now } from './lib/clock.js'
import { options as optionsOf, connecting, crowdScenario, promises } from './lib/options.js'
import { output, table } from './lib/summary.js'
import { settings } from './lib/env.js'

// EVERY is the pause of each writer, RECONNECT the mean life of a connection.
const s = settings(__ENV, { CONNECTIONS: 500, ROOM: 10, CONNECT_RATE: 100, EVERY: '20s', RECONNECT: '5m', BEAT: '25s', DURATION: '1h', ACK_TIMEOUT: '60s' })
const perVu = Math.max(s.ROOM, s.PER_VU - (s.PER_VU % s.ROOM))
const connect = connecting(s.CONNECTIONS, s.CONNECT_RATE)

// Connections may be lost here, also by a restart of the server, as long as they come back.
export const options = optionsOf({ soak: crowdScenario(s.CONNECTIONS, perVu, connect + s.DURATION) }, s.CONNECTIONS, promises)

export function setup() {
  return { run: s.RUN || Date.now().toString(36) }
}

export default async function ({ run }) {
  const crowd = new Crowd(s, run, { beat: s.BEAT })
  const orders = new Map()
  for (const i of range(s.CONNECTIONS, perVu)) {
    const room = Math.floor(i / s.ROOM)
    if (!orders.has(room)) orders.set(room, new Order(Math.min(s.ROOM, s.CONNECTIONS - room * s.ROOM)))
    crowd.add(i, room, orders.get(room))
  }
  await crowd.open((i) => (1000 * i) / s.CONNECT_RATE)
  const start = exec.scenario.startTime + connect
  const until = start + s.DURATION
  await after(start - now())
  await Promise.all([...crowd.members].flatMap(([i, member]) => [
    paced({ now, start: start + (i / s.CONNECTIONS) * s.EVERY, until, interval: s.EVERY, send: member.say }),
    comeAndGo(member, until),
  ]))
  await crowd.settle()
  await crowd.close()
}

async function comeAndGo(member, until) {
  for (;;) {
    const life = s.RECONNECT * (0.5 + Math.random())
    if (now() + life >= until) return
    await after(life)
    // Just after sending, half of the time: the ack is then on its way.
    if (Math.random() < 0.5) member.say()
    await member.drop()
  }
}

export function handleSummary(data) {
  const title = `soak, ${s.DIALECT}: ${s.CONNECTIONS} clients in rooms of ${s.ROOM}, each writes every ${s.EVERY / 1000} s and reconnects every ${s.RECONNECT / 1000} s`
  return output(table(title, data, { seconds: s.DURATION / 1000 }), data, s)
}

// Rooms in which a few write and all read: the everyday work of the server.
// Every ack and every delivery is checked. RATE=0 is a closed loop with
// IN_FLIGHT messages of each sender unanswered; otherwise RATE messages a
// second go out, however long the acks take.

import exec from 'k6/execution'
import { Order } from './lib/checks.js'
import { Crowd, range } from './lib/crowd.js'
import { closedLoop, paced } from './lib/load.js'
import { after } from './lib/signal.js'
import { now } from './lib/clock.js'
import { options as optionsOf, connecting, crowdScenario, steady } from './lib/options.js'
import { output, table } from './lib/summary.js'
import { settings } from './lib/env.js'

const s = settings(__ENV, { CONNECTIONS: 1000, ROOM: 10, SENDERS: 1, IN_FLIGHT: 1, RATE: 0, DURATION: '30s' })
// A room is played by one VU, which so sees all of it.
const perVu = Math.max(s.ROOM, s.PER_VU - (s.PER_VU % s.ROOM))
const connect = connecting(s.CONNECTIONS, s.CONNECT_RATE)
const senders = Math.ceil(s.CONNECTIONS / s.ROOM) * s.SENDERS

export const options = optionsOf({ chat: crowdScenario(s.CONNECTIONS, perVu, connect + s.DURATION) }, s.CONNECTIONS, steady)

export function setup() {
  return { run: s.RUN || Date.now().toString(36) }
}

export default async function ({ run }) {
  const crowd = new Crowd(s, run)
  const orders = new Map()
  const mine = range(s.CONNECTIONS, perVu)
  for (const i of mine) {
    const room = Math.floor(i / s.ROOM)
    if (!orders.has(room)) orders.set(room, new Order(Math.min(s.ROOM, s.CONNECTIONS - room * s.ROOM)))
    crowd.add(i, room, orders.get(room))
  }
  await crowd.open((i) => (1000 * i) / s.CONNECT_RATE)
  const start = exec.scenario.startTime + connect
  const until = start + s.DURATION
  await after(start - now())
  await Promise.all([...crowd.members].map(([i, member]) => (i % s.ROOM < s.SENDERS ? write(i, member, start, until) : null)))
  await crowd.settle()
  await crowd.close()
}

function write(i, member, start, until) {
  const send = member.say
  if (s.RATE === 0) return closedLoop(member, { now, until, inFlight: s.IN_FLIGHT, send })
  const interval = (1000 * senders) / s.RATE
  const phase = ((Math.floor(i / s.ROOM) * s.SENDERS + (i % s.ROOM)) / senders) * interval
  return paced({ now, start: start + phase, until, interval, send })
}

export function handleSummary(data) {
  const title = `chat, ${s.DIALECT}: ${s.CONNECTIONS} clients in rooms of ${s.ROOM}, ${s.SENDERS} of each write, ${s.RATE ? `${s.RATE} messages/s` : `${s.IN_FLIGHT} in flight`}`
  return output(table(title, data, { seconds: s.DURATION / 1000 }), data, s)
}

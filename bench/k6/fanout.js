// One room in which few write and everybody reads: what one message costs when
// it goes to thousands. The room is shared by all VUs, and by all machines
// with SHARE=rooms; each member checks the order of all messages by seq.

import exec from 'k6/execution'
import { Order } from './lib/checks.js'
import { Crowd, range } from './lib/crowd.js'
import { closedLoop, paced } from './lib/load.js'
import { after } from './lib/signal.js'
import { now } from './lib/clock.js'
import { options as optionsOf, connecting, crowdScenario, steady } from './lib/options.js'
import { output, table } from './lib/summary.js'
import { settings } from './lib/env.js'

const s = settings(__ENV, { CONNECTIONS: 1000, SENDERS: 4, IN_FLIGHT: 1, RATE: 10, DURATION: '30s' })
const connect = connecting(s.CONNECTIONS, s.CONNECT_RATE)

export const options = optionsOf({ fanout: crowdScenario(s.CONNECTIONS, s.PER_VU, connect + s.DURATION) }, s.CONNECTIONS, steady)

export function setup() {
  return { run: s.RUN || Date.now().toString(36) }
}

export default async function ({ run }) {
  const crowd = new Crowd(s, run)
  const mine = range(s.CONNECTIONS, s.PER_VU)
  const order = new Order(mine.length)
  for (const i of mine) crowd.add(i, 0, order)
  await crowd.open((i) => (1000 * i) / s.CONNECT_RATE)
  const start = exec.scenario.startTime + connect
  const until = start + s.DURATION
  await after(start - now())
  await Promise.all([...crowd.members].map(([i, member]) => (i < s.SENDERS ? write(i, member, start, until) : null)))
  // The senders are in other VUs: let the last acks come before asking where the room ends.
  await after(until + 2000 - now())
  await crowd.settle()
  await crowd.close()
}

function write(i, member, start, until) {
  const send = member.say
  if (s.RATE === 0) return closedLoop(member, { now, until, inFlight: s.IN_FLIGHT, send })
  const interval = (1000 * s.SENDERS) / s.RATE
  return paced({ now, start: start + (i / s.SENDERS) * interval, until, interval, send })
}

export function handleSummary(data) {
  const title = `fanout, ${s.DIALECT}: one room of ${s.CONNECTIONS}, ${s.SENDERS} write, ${s.RATE ? `${s.RATE} messages/s` : `${s.IN_FLIGHT} in flight`}`
  return output(table(title, data, { seconds: s.DURATION / 1000 }), data, s)
}

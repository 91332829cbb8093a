// The back end posts messages: each must reach every member once, also when the
// same request is sent again, as a back end does that got no answer. WEBHOOK_SECRET
// is the secret of the Authorization header; SIGNING_SECRET (whsec_...), when it
// is given, signs the requests in the way of Standard Webhooks instead.

import exec from 'k6/execution'
import http from 'k6/http'
import { Counter, Trend } from 'k6/metrics'
import { Order } from './lib/checks.js'
import { Crowd, range } from './lib/crowd.js'
import { paced } from './lib/load.js'
import { after } from './lib/signal.js'
import { now } from './lib/clock.js'
import { headers } from './lib/signature.js'
import { options as optionsOf, connecting, crowdScenario, steady } from './lib/options.js'
import { output, table } from './lib/summary.js'
import { settings } from './lib/env.js'

// REPEAT is the share of posts that are sent twice.
const s = settings(__ENV, { CONNECTIONS: 100, ROOM: 10, RATE: 50, REPEAT: 0.2, DURATION: '30s', WEBHOOK_SECRET: '', SIGNING_SECRET: '' })
if (!s.WEBHOOK_SECRET && !s.SIGNING_SECRET) throw new Error('webhook.js needs WEBHOOK_SECRET or SIGNING_SECRET')
const perVu = Math.max(s.ROOM, s.PER_VU - (s.PER_VU % s.ROOM))
const connect = connecting(s.CONNECTIONS, s.CONNECT_RATE)
const rooms = Math.ceil(s.CONNECTIONS / s.ROOM)

export const options = {
  ...optionsOf({ webhook: crowdScenario(s.CONNECTIONS, perVu, connect + s.DURATION) }, s.CONNECTIONS,
    { ...steady, webhook_failures: ['count==0'], webhook_posts: ['count>0'] }),
  noConnectionReuse: false,
}

const failures = new Counter('webhook_failures') // an answer that is not what docs/PROTOCOL.md says
const posts = new Counter('webhook_posts')
const latency = new Trend('webhook_latency', true)

export function setup() {
  return { run: s.RUN || Date.now().toString(36) }
}

export default async function ({ run }) {
  const crowd = new Crowd(s, run)
  const byRoom = new Map()
  for (const i of range(s.CONNECTIONS, perVu)) {
    const r = Math.floor(i / s.ROOM)
    if (!byRoom.has(r)) byRoom.set(r, { order: new Order(Math.min(s.ROOM, s.CONNECTIONS - r * s.ROOM)), seen: new Map(), posted: [], members: [] })
    const room = byRoom.get(r)
    const member = crowd.add(i, r, room.order)
    member.onMessage = ({ id }) => room.seen.set(id, (room.seen.get(id) ?? 0) + 1)
    room.members.push(member)
  }
  await crowd.open((i) => (1000 * i) / s.CONNECT_RATE)
  const start = exec.scenario.startTime + connect
  const until = start + s.DURATION
  await after(start - now())
  const interval = (1000 * rooms) / s.RATE
  await Promise.all([...byRoom].map(async ([r, room]) => {
    const poster = new Poster(room, `${run}-${s.INSTANCE}-${r}`)
    await paced({ now, start: start + (r / rooms) * interval, until, interval, send: () => poster.post() })
    await poster.answered()
  }))
  await crowd.settle()
  for (const room of byRoom.values()) verify(room, crowd.report)
  await crowd.close()
}

// Every posted message was seen by every member; twice is found by seq already.
function verify({ posted, seen, members }, report) {
  for (const id of posted) {
    const missing = members.length - (seen.get(id) ?? 0)
    if (missing > 0) report.lostDeliveries(missing)
  }
}

class Poster {
  #room
  #prefix
  #n = 0
  #under = []

  constructor(room, prefix) {
    this.#room = room
    this.#prefix = prefix
  }

  post() {
    this.#under.push(this.#post(this.#n++).catch((error) => this.#failed(error.message)))
  }

  answered() { return Promise.all(this.#under) }

  async #post(n) {
    const id = `${this.#prefix}-${n}`
    const [{ room }] = this.#room.members
    const body = JSON.stringify({ conversationId: room, senderId: `back-end-${this.#prefix}`, senderName: 'Back end', content: `Posted ${n}` })
    const first = await this.#request(id, body)
    if (!first) return
    this.#room.posted.push(first.messageId)
    if (Math.random() >= s.REPEAT) return
    const again = await this.#request(id, body)
    if (again && (again.messageId !== first.messageId || again.seq !== first.seq)) this.#failed(`the repeat of ${id} got another answer`)
  }

  async #request(id, body) {
    const { status, body: text, timings } = await http.asyncRequest('POST', `${s.URL}/webhook/new-message`, body,
      { headers: headers({ secret: s.WEBHOOK_SECRET, signingSecret: s.SIGNING_SECRET, id, body }) })
    posts.add(1)
    latency.add(timings.duration)
    if (status !== 200) return this.#failed(`HTTP ${status}: ${text}`)
    return JSON.parse(text)
  }

  #failed(why) {
    failures.add(1)
    console.error(why)
  }
}

export function handleSummary(data) {
  const title = `webhook, ${s.DIALECT}: ${s.RATE} posts/s to ${rooms} rooms of ${s.ROOM}, ${100 * s.REPEAT} % of them twice`
  return output(table(title, data, { seconds: s.DURATION / 1000 }), data, s)
}

// The members that one VU plays. A VU has an event loop of its own and holds
// PER_VU connections, since a VU costs far more memory than a connection.

import { WebSocket } from 'k6/websockets'
import exec from 'k6/execution'
import { now } from './clock.js'
import { Member } from './member.js'
import { address, framing } from './framing.js'
import { names } from './names.js'
import { report } from './metrics.js'
import { after } from './signal.js'
import { token } from './token.js'

const tickEvery = 1000

export class Crowd {
  #s
  #run
  #names
  #report
  #ticking
  #beatEvery = 0

  /** members are those of this VU, by their number on this machine. */
  members = new Map()

  /** run is what setup() gave; beat, in ms, is how often each member sends a heartbeat. */
  constructor(settings, run, { beat = 0 } = {}) {
    this.#s = settings
    this.#run = run
    this.#names = names(settings)
    this.#report = report(settings.SAMPLE)
    this.#beatEvery = beat
    this.#ticking = setInterval(() => this.#tick(), tickEvery)
  }

  /** add makes member i of room r; order is shared by the members of a room in this VU. */
  add(i, r, order) {
    const { URL, DIALECT, ACK_TIMEOUT, TOKEN_SECRET } = this.#s
    const id = this.#names.user(this.#run, i)
    const room = this.#names.room(this.#run, r)
    const user = { id, name: `User ${i}` }
    if (TOKEN_SECRET) user.token = token(TOKEN_SECRET, user, [room])
    const member = new Member({
      user, room, order, report: this.#report, framing: framing(DIALECT),
      dial: () => new WebSocket(address(URL, DIALECT)),
      now, ackTimeout: ACK_TIMEOUT, run: `${this.#run}-${this.#s.INSTANCE}`,
    })
    const stamp = Date.now().toString(36)
    let n = 0
    member.say = () => member.send(this.#names.tempId(i, stamp, n++), content)
    this.members.set(i, member)
    return member
  }

  /** open connects every member when its time comes, at(i) after the start of the scenario. */
  async open(at, options) {
    const start = exec.scenario.startTime
    await Promise.all([...this.members].map(async ([i, member]) => {
      await after(start + at(i) - now())
      await member.start(options).catch(() => this.members.delete(i)) // it is in the report
    }))
  }

  #tick() {
    const t = now()
    for (const [i, member] of this.members) {
      member.tick()
      if (this.#beatEvery && this.#turn(i, t)) member.beat()
    }
    this.#report.flush()
  }

  // Heartbeats are spread over the interval by the members' numbers.
  #turn(i, t) {
    const beats = Math.max(1, Math.round(this.#beatEvery / tickEvery))
    return Math.floor(t / tickEvery + i) % beats === 0
  }

  /** settle waits until each member has all that it must get; see Member.settle. */
  settle() {
    return Promise.all([...this.members.values()].map((m) => m.settle()))
  }

  /** close ends every connection, at(i) from now, and the report. */
  async close(at = () => 0) {
    await Promise.all([...this.members].map(async ([i, member]) => {
      await after(at(i))
      await member.finish()
    }))
    clearInterval(this.#ticking)
    this.#report.flush()
  }

  /** report is where scripts note what they find by themselves. */
  get report() { return this.#report }
}

const content = 'What a person writes to another in a chat is about a hundred characters long, this one for example.'

/** range is the numbers of the members that this VU plays, each of n once. */
export function range(n, perVu) {
  const from = exec.scenario.iterationInTest * perVu
  return Array.from({ length: Math.max(0, Math.min(perVu, n - from)) }, (_, k) => from + k)
}

// Two ways to send. In a closed loop a sender waits for its acks, so the
// server sets the pace; paced, the messages go out at their times whatever the
// server does, so that a slow server shows in the latency.

import { after } from './signal.js'

/** closedLoop keeps inFlight messages of a member unanswered until the time comes; send() sends one. */
export async function closedLoop(member, { now, until, inFlight, send }) {
  member.onAck = () => { while (now() < until && member.unanswered < inFlight) send() }
  member.onAck()
  await after(until - now())
  member.onAck = () => {}
}

/** paced sends every interval ms, beginning at start; what is late is made up for. */
export async function paced({ now, start, until, interval, send }) {
  for (let next = start; next < until; next += interval) {
    if (next > now()) await after(next - now())
    send()
  }
  await after(until - now())
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ledger, Order, Outbox } from './checks.js'
import { tally } from './tally.js'

const message = (seq, id = `m${seq}`) => ({ seq, id })

test('ledger: in order, twice, left out, missing at the end', () => {
  for (const [seqs, end, want] of [
    [[6, 7, 8], 8, {}],
    [[6, 7, 7, 8], 8, { duplicates: 1 }],
    [[6, 9], 9, { gaps: 1, lostDeliveries: 2 }],
    [[6, 7], 9, { lostDeliveries: 2 }],
    [[5, 6], 6, { duplicates: 1 }],
    [[7, 6], 7, { gaps: 1, lostDeliveries: 1, duplicates: 1 }],
  ]) {
    const { report, counts } = tally()
    const ledger = new Ledger(report, new Order(1))
    ledger.begin(5)
    for (const seq of seqs) ledger.take(message(seq))
    ledger.end(end)
    assert.deepEqual(counts, want, `seqs ${seqs}, end ${end}`)
  }
})

test('order: two members must see the same message at the same place', () => {
  const { report, counts } = tally()
  const order = new Order(2)
  const [ann, bob] = [new Ledger(report, order), new Ledger(report, order)]
  for (const l of [ann, bob]) l.begin(0)
  ann.take(message(1))
  bob.take(message(1))
  assert.deepEqual(counts, {})
  ann.take(message(2, 'x'))
  bob.take(message(2, 'y'))
  assert.deepEqual(counts, { disorder: 1 })
})

const ack = (seq = 1, messageId = 'm1') => ({ tempId: 't', messageId, seq, status: 'sent' })
const own = (seq = 1, id = 'm1') => ({ tempId: 't', id, seq })

test('outbox: what one message may go through', () => {
  for (const [name, steps, want] of [
    ['reply, event, own copy', (o) => { o.acked('reply', ack(), 5); o.acked('event', ack(), 5); o.delivered(own()) }, { acks: 1, ackLatency: 1 }],
    ['two replies', (o) => { o.acked('reply', ack(), 5); o.acked('reply', ack(), 5) }, { acks: 1, ackLatency: 1, duplicates: 1 }],
    ['two events', (o) => { o.acked('event', ack(), 5); o.acked('event', ack(), 5); o.acked('reply', ack(), 5) }, { acks: 1, ackLatency: 1, duplicates: 1 }],
    ['a third after all is said', (o) => { o.acked('reply', ack(), 5); o.acked('event', ack(), 5); o.delivered(own()); o.acked('event', ack(), 5) }, { acks: 1, ackLatency: 1, duplicates: 1 }],
    ['own copy before the ack', (o) => { o.delivered(own()); o.acked('reply', ack(), 5); o.acked('event', ack(), 5) }, { acks: 1, ackLatency: 1, disorder: 1 }],
    ['another id in the copy', (o) => { o.acked('reply', ack(), 5); o.acked('event', ack(), 5); o.delivered(own(1, 'm2')) }, { acks: 1, ackLatency: 1, disorder: 1 }],
    ['no reply', (o) => { o.acked('event', ack(), 5); o.expire(Infinity) }, { lostAcks: 1 }],
    ['no event', (o) => { o.acked('reply', ack(), 5); o.expire(Infinity) }, { acks: 1, ackLatency: 1, lostAcks: 1 }],
    ['nothing, counted once', (o) => { o.expire(Infinity); o.expire(Infinity) }, { lostAcks: 1 }],
    ['young enough', (o) => { o.expire(-1) }, {}],
    ['refused for good', (o) => { o.refused('t', { code: 'forbidden', retryable: false }); o.expire(Infinity) }, { refused: 1 }],
    ['refused for now, then taken', (o) => { o.refused('t', { code: 'overloaded', retryable: true }); o.acked('reply', ack(), 5); o.acked('event', ack(), 5); o.delivered(own()) }, { retries: 1, acks: 1 }],
    ['connection lost before the ack', (o) => {
      o.disconnected()
      o.delivered(own()) // among the missed ones
      assert.equal(o.again().length, 1)
      o.acked('reply', ack(), 5)
      o.acked('event', ack(), 5)
    }, { acks: 1 }],
    ['connection lost between reply and event', (o) => {
      o.acked('reply', ack(), 5)
      o.disconnected()
      o.delivered(own())
      assert.equal(o.again().length, 0)
      o.expire(Infinity)
    }, { acks: 1, ackLatency: 1 }],
  ]) {
    const { report, counts } = tally()
    const outbox = new Outbox(report, new Order(1))
    outbox.sent({ tempId: 't', content: 'x' }, 0)
    steps(outbox)
    assert.deepEqual(counts, { sent: 1, ...want }, name)
    if (want.acks || want.refused || want.lostAcks) assert.equal(outbox.unanswered, 0, name)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { duration, settings } from './env.js'
import { names } from './names.js'
import { reading, slope } from './readings.js'
import { broken, table } from './summary.js'

test('settings: defaults, what is given, what is wrong', () => {
  assert.equal(duration('1m30s'), 90_000)
  assert.equal(duration('250ms'), 250)
  const s = settings({ RATE: '20', DURATION: '2s', INSTANCE: '3' }, { RATE: 0, DURATION: '30s', EVERY: '20s' })
  assert.deepEqual([s.RATE, s.DURATION, s.EVERY, s.INSTANCE, s.DIALECT], [20, 2000, 20_000, '3', 'plain'])
  assert.throws(() => settings({ RATE: 'much' }, { RATE: 0 }), /RATE: much is no number/)
  assert.throws(() => settings({ DURATION: '30' }, { DURATION: '30s' }), /DURATION: 30 is no duration/)
})

test('names: each machine has its own, unless they are shared', () => {
  const on = (INSTANCE, SHARE = '', RUN = 'run') => names({ RUN, INSTANCE, SHARE })
  assert.notEqual(on('a').user('r', 1), on('b').user('r', 1))
  assert.notEqual(on('a').room('r', 1), on('b').room('r', 1))
  assert.equal(on('a', 'rooms').room('r', 1), on('b', 'rooms').room('r', 1))
  assert.notEqual(on('a', 'rooms').user('r', 1), on('b', 'rooms').user('r', 1))
  assert.equal(on('a', 'rooms,users').user('r', 1), on('b', 'rooms,users').user('r', 1))
  assert.notEqual(on('a', 'rooms,users').tempId(1, 's', 1), on('b', 'rooms,users').tempId(1, 's', 1))
  assert.throws(() => on('a', 'rooms', ''), /RUN/)
  assert.throws(() => on('a', 'room'), /SHARE/)
})

test('readings: memory by connection', () => {
  const page = 'process_resident_memory_bytes 2.048e+06\ncorrillo_connections{dialect="plain",transport="websocket"} 3\ncorrillo_connections{dialect="socketio",transport="polling"} 4\ncorrillo_connections_opened_total 9\n'
  assert.deepEqual(reading(page), { connections: 7, rssKB: 2000 })
  assert.throws(() => reading('nothing'), /METRICS/)
  assert.equal(slope([{ connections: 0, rssKB: 100 }, { connections: 10, rssKB: 130 }, { connections: 20, rssKB: 160 }]), 3)
})

test('summary: figures, faults, thresholds', () => {
  const data = {
    metrics: {
      acks: { values: { count: 300 } },
      ack_latency: { values: { med: 1.234, 'p(95)': 2, 'p(99)': 30, max: 100 } },
      lost_acks: { values: { count: 1 }, thresholds: { 'count==0': { ok: false } } },
    },
  }
  assert.deepEqual(broken(data), ['lost_acks: count==0 (1)'])
  const text = table('chat', data, { seconds: 3 })
  assert.match(text, /acks +300 100\/s/)
  assert.match(text, /ack +1\.23 +2\.00 +30 +100/)
  assert.match(text, /lost_acks 1/)
  assert.match(text, /FAILED: lost_acks/)
  assert.match(table('x', { metrics: {} }), /nothing lost.*\n.*every threshold holds/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, framing } from './framing.js'

test('plain: frames as docs/PROTOCOL.md shows them', () => {
  const f = framing('plain')
  assert.equal(f.encode('typing', { conversationId: 'r' }), '{"event":"typing","data":{"conversationId":"r"}}')
  assert.equal(f.encode('identify', { userId: 'ann' }, 7), '{"event":"identify","data":{"userId":"ann"},"id":7}')
  assert.deepEqual(f.decode('{"event":"welcome","data":{"sid":"a","pid":"b","recovered":false}}'), { kind: 'ready' })
  assert.deepEqual(f.decode('{"ack":7,"data":{"status":"ok"}}'), { kind: 'reply', id: 7, data: { status: 'ok' } })
  assert.deepEqual(f.decode('{"event":"new_message","data":{"seq":1},"offset":"AA"}'), { kind: 'event', event: 'new_message', data: { seq: 1 } })
  assert.throws(() => f.decode('{"data":1}'), /no frame/)
})

test('socketio: packets of Engine.IO 4 and Socket.IO 5', () => {
  const f = framing('socketio')
  assert.equal(f.encode('typing', { conversationId: 'r' }), '42["typing",{"conversationId":"r"}]')
  assert.equal(f.encode('identify', { userId: 'ann' }, 12), '4212["identify",{"userId":"ann"}]')
  assert.deepEqual(f.decode('0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'), { kind: 'answer', text: '40' })
  assert.deepEqual(f.decode('40{"sid":"a","pid":"b"}'), { kind: 'ready' })
  assert.deepEqual(f.decode('2'), { kind: 'answer', text: '3' })
  assert.deepEqual(f.decode('2probe'), { kind: 'answer', text: '3probe' })
  assert.deepEqual(f.decode('42["new_message",{"seq":1},"AA"]'), { kind: 'event', event: 'new_message', data: { seq: 1 } })
  assert.deepEqual(f.decode('4312[{"status":"ok","missed":[]}]'), { kind: 'reply', id: 12, data: { status: 'ok', missed: [] } })
  assert.deepEqual(f.decode('44{"message":"no","data":{"code":"unauthorized","message":"no","retryable":false}}'),
    { kind: 'refused', error: { code: 'unauthorized', message: 'no', retryable: false } })
  assert.deepEqual(f.decode('41'), { kind: 'ended', reason: 'server_disconnect' })
  assert.deepEqual(f.decode('1'), { kind: 'ended', reason: 'transport_close' })
  assert.deepEqual(f.decode('451-["x",{"_placeholder":true,"num":0}]'), { kind: 'nothing' })
  assert.throws(() => f.decode('9'), /no packet/)
})

test('the address of a server', () => {
  assert.equal(address('https://chat.example/', 'plain'), 'wss://chat.example/ws')
  assert.equal(address('http://127.0.0.1:3001', 'socketio'), 'ws://127.0.0.1:3001/socket.io/?EIO=4&transport=websocket')
  assert.throws(() => framing('mqtt'), /DIALECT/)
})

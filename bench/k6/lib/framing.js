// The two dialects of docs/PROTOCOL.md, by hand: text of a WebSocket frame to
// values and back. No socket, no clock, nothing of k6.
//
// decode gives one of
//   {kind: 'ready'}                   the session has begun, events may be sent
//   {kind: 'answer', text}            a frame to be sent back at once
//   {kind: 'event', event, data}
//   {kind: 'reply', id, data}         to the frame that was sent with this id
//   {kind: 'refused', error}          there will be no session: {code, message, retryable}
//   {kind: 'ended', reason}           the server ends the session for good
//   {kind: 'nothing'}                 a frame without a meaning for a chat client
// and throws on what neither dialect allows.

const plain = {
  path: '/ws',
  encode: (event, data, id) => JSON.stringify(id === undefined ? { event, data } : { event, data, id }),
  decode(text) {
    const frame = JSON.parse(text)
    if (frame.ack !== undefined) return { kind: 'reply', id: frame.ack, data: frame.data }
    if (frame.event === 'welcome') return { kind: 'ready' }
    if (typeof frame.event !== 'string') throw new Error(`no frame of /ws: ${text.slice(0, 80)}`)
    return { kind: 'event', event: frame.event, data: frame.data }
  },
}

// A packet of Socket.IO inside a message of Engine.IO: both types are one
// digit each, so '42' is an event and '43' a reply. Only the namespace '/' is
// spoken here, which is never written.
const socketio = {
  path: '/socket.io/?EIO=4&transport=websocket',
  encode: (event, data, id) => `42${id === undefined ? '' : id}${JSON.stringify([event, data])}`,
  decode(text) {
    switch (text[0]) {
      case '0': return { kind: 'answer', text: '40' } // open: ask for the namespace
      case '1': return { kind: 'ended', reason: 'transport_close' }
      case '2': return { kind: 'answer', text: `3${text.slice(1)}` } // ping: pong
      case '4': return packet(text)
      case '6': return { kind: 'nothing' }
      default: throw new Error(`no packet of Engine.IO: ${text.slice(0, 80)}`)
    }
  },
}

function packet(text) {
  switch (text[1]) {
    case '0': return { kind: 'ready' }
    case '1': return { kind: 'ended', reason: 'server_disconnect' }
    case '2': {
      const [event, data] = JSON.parse(text.slice(text.indexOf('[')))
      return { kind: 'event', event, data }
    }
    case '3': {
      const start = text.indexOf('[')
      return { kind: 'reply', id: Number(text.slice(2, start)), data: JSON.parse(text.slice(start))[0] }
    }
    case '4': {
      const { message, data } = JSON.parse(text.slice(2))
      return { kind: 'refused', error: data ?? { code: 'internal', message, retryable: false } }
    }
    // An event with attachments: the load has none, but others may send some.
    case '5': return { kind: 'nothing' }
    default: throw new Error(`no packet of Socket.IO: ${text.slice(0, 80)}`)
  }
}

const dialects = { plain, socketio }

/** The framing of a dialect by its name: plain or socketio. */
export function framing(dialect) {
  const found = dialects[dialect]
  if (!found) throw new Error(`DIALECT is ${dialect}; it must be plain or socketio`)
  return found
}

/** The address of the WebSocket on a server that is named by an http URL. */
export function address(url, dialect) {
  return url.replace(/^http/, 'ws').replace(/\/+$/, '') + framing(dialect).path
}

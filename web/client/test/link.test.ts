import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ChatOptions } from '../src/api.js'
import { createLink, type OwnedLink } from '../src/link.js'

/** socket.io-client's socket as far as a link uses it: a test opens its transport, and sees what it says. */
const wire = vi.hoisted(() => {
  const listeners = new Map<string, Set<(data?: unknown) => void>>()
  const fire = (event: string, data?: unknown) => [...(listeners.get(event) ?? [])].forEach((listener) => listener(data))
  const wire = {
    auth: undefined as unknown as (give: (auth: object) => void) => void,
    handshakes: [] as object[],
    said: [] as [string, any][],
    expiresAt: 0,
    reset() {
      listeners.clear()
      wire.handshakes = []
      wire.said = []
      socket.connected = false
    },
    /** The transport is open: the socket asks for its auth, and the server takes whatever it is. */
    open: () =>
      wire.auth((auth) => {
        wire.handshakes.push(auth)
        socket.connected = true
        fire('connect')
      }),
    drop() {
      socket.connected = false
      fire('disconnect')
    },
    socket: undefined as unknown,
  }
  const socket = {
    connected: false,
    sendBuffer: [] as unknown[],
    active: true,
    recovered: false,
    connect() {},
    disconnect() {
      if (socket.connected) wire.drop()
    },
    on: (event: string, listener: () => void) => void (listeners.get(event) ?? listeners.set(event, new Set()).get(event)!).add(listener),
    off: (event: string, listener: () => void) => void listeners.get(event)?.delete(listener),
    listeners: (event: string) => [...(listeners.get(event) ?? [])],
    emit(event: string, payload: unknown, reply?: (data: unknown) => void) {
      wire.said.push([event, payload])
      queueMicrotask(() => reply?.({ status: 'ok', serverTime: new Date().toISOString() }))
    },
  }
  return Object.assign(wire, { socket })
})
vi.mock('socket.io-client', () => ({
  io: (_url: string, options: { auth: typeof wire.auth }) => {
    wire.auth = options.auth
    return wire.socket
  },
}))

const links: OwnedLink[] = []
function open(options: Partial<ChatOptions> = {}): OwnedLink {
  const link = createLink('http://chat', { userId: 'ann', heartbeat: 0, ...options })
  links.push(link)
  link.open()
  return link
}
const flush = () => vi.advanceTimersByTimeAsync(0)
const identified = () => wire.said.filter(([event]) => event === 'identify').map(([, payload]) => payload.token)
const jwt = (seconds: number, n: number) => `h.${btoa(JSON.stringify({ exp: Math.floor(Date.now() / 1000) + seconds, n }))}.s`

beforeEach(() => {
  vi.useFakeTimers()
  wire.reset()
})
afterEach(() => {
  links.splice(0).forEach((link) => link.close('closed'))
  vi.useRealTimers()
})

describe('a token', () => {
  it('that was there to begin with is not taken for a new one when it is given again', async () => {
    let n = 0
    const getToken = () => `fresh ${++n}`
    const link = open({ token: 'first', getToken })
    wire.open()
    await flush()
    expect(identified()).toEqual(['fresh 1'])
    for (let render = 0; render < 5; render++) link.update({ token: 'first', getToken: () => getToken() })
    await flush()
    expect(identified()).toEqual(['fresh 1'])
  })

  it('is asked for once at a time: a second request may undo the first', async () => {
    let asked = 0
    let give: ((token: string) => void) | undefined
    open({ getToken: () => (asked++ ? new Promise((resolve) => (give = resolve)) : jwt(60, 0)) })
    wire.open()
    await flush()
    await vi.advanceTimersByTimeAsync(50_000) // it is to be renewed: the answer is on its way
    expect(asked).toBe(2)
    wire.drop()
    wire.open()
    await flush()
    expect(asked).toBe(2)
    const fresh = jwt(3600, 1)
    give!(fresh)
    await flush()
    expect(wire.handshakes.slice(1)).toEqual([{ token: fresh }])
  })

  it('goes to the connection that asked for it, and to no later one', async () => {
    let give: (token: string) => void
    open({ getToken: () => new Promise((resolve) => (give = resolve)) })
    wire.open()
    await flush()
    wire.drop()
    give!('late') // the next one is not open yet, and would begin with it
    await flush()
    expect(wire.handshakes).toEqual([])
    wire.open()
    await flush()
    wire.drop()
    wire.open()
    await flush()
    give!('token')
    await flush()
    expect(wire.handshakes).toEqual([{ token: 'token' }])
  })

  it('that never comes is asked for again', async () => {
    let asked = 0
    const link = open({ getToken: () => (asked++ ? 'token' : new Promise(() => {})) })
    wire.open()
    await vi.advanceTimersByTimeAsync(31_000)
    expect(link.status()).toMatchObject({ error: { code: 'unavailable' } })
    wire.open()
    await flush()
    expect(link.status().state).toBe('connected')
  })
})

import { io, type Socket } from 'socket.io-client'
import type { ChatOptions, ConnectionState } from './api.js'
import { away, ChatError, plain, shielded } from './error.js'
import type { Link } from './internal.js'
import type { ClientToServerEvents, ErrorEvent, IdentifyReply, ServerToClientEvents, WireError } from './protocol.js'
import { backoff } from './snapshot.js'
import { expiryOf, refreshDelay } from './token.js'

/** What a link says of itself; Status without the outbox. */
export interface LinkStatus {
  readonly state: ConnectionState
  readonly attempt: number
  readonly error?: WireError
}

/** A Link with what its owner, the chat, may do to it. */
export interface OwnedLink extends Link {
  status(): LinkStatus
  onStatus(listener: () => void): void
  open(): void
  /** Ends the connection; `idle` when nobody uses it any more, `closed` when it was asked for. */
  close(state: 'idle' | 'closed'): void
  update(options: Pick<ChatOptions, 'token' | 'getToken' | 'username'>): void
}

/** Milliseconds that a request may take before it is `unavailable`. */
const answerWithin = 30_000

/**
 * The connection of one user: connects, identifies, comes back, keeps the
 * token fresh. It does nothing before open. Who may ask for something once it is
 * up is waited for: `ready`. When that fails it goes on without.
 */
export function createLink(url: string, options: ChatOptions, ready: () => Promise<unknown> = () => Promise.resolve()): OwnedLink {
  const { userId } = options
  let { username = userId, token, getToken } = options
  let given = token // by the app; what getToken gave is newer
  let asking: Promise<string> | undefined
  let handshake = 0 // counts them
  let wanted = false // somebody uses the connection
  let up = false
  let wasUp = false
  let ended: 'idle' | 'refused' | 'closed' = 'idle' // why it is not wanted
  let attempt = 0
  let error: WireError | undefined
  let secondTry = false // a fresh token was tried for this refusal
  let status: LinkStatus = { state: 'idle', attempt: 0 }
  let retryTimer: ReturnType<typeof setTimeout> | undefined
  let refreshTimer: ReturnType<typeof setTimeout> | undefined
  let heartbeatTimer: ReturnType<typeof setInterval> | undefined
  const waiting = new Set<(err: ChatError) => void>() // requests without an answer
  const ups = new Set<(recovered: boolean) => void>()
  const downs = new Set<() => void>()
  const statusListeners = new Set<() => void>()
  const errorListeners = new Set<(event: ErrorEvent) => void>()
  const browser = typeof window !== 'undefined' && typeof window.addEventListener === 'function' ? window : undefined

  const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(url || '/', {
    reconnectionDelayMax: 30_000,
    ...options.io,
    autoConnect: false,
    forceNew: true, // a connection of another user is not ours
    auth: (give: (auth: object) => void) => {
      const mine = ++handshake
      // A connection that has gone meanwhile must not have its auth said on the next one.
      freshToken().then(
        (t) => mine === handshake && give(t ? { token: t } : {}),
        (err) => mine === handshake && retryLater(away(`no token: ${err instanceof Error ? err.message : err}`)),
      )
    },
  })

  /** Asks once at a time: where a token is good for one renewal, a second request takes back what the first one got. */
  async function freshToken(): Promise<string | undefined> {
    const source = getToken
    if (!source) return token
    asking ??= new Promise<string>((resolve, reject) => {
      const timer = setTimeout(reject, answerWithin, new Error('no answer in time'))
      Promise.resolve().then(source).then(resolve, reject).finally(() => clearTimeout(timer))
    })
      .then((t) => (token = t))
      .finally(() => (asking = undefined))
    return asking
  }

  function changed() {
    const offline = browser?.navigator?.onLine === false
    const state: ConnectionState = up ? 'connected' : !wanted ? ended : offline ? 'offline' : wasUp ? 'reconnecting' : 'connecting'
    if (state === status.state && attempt === status.attempt && error === status.error) return
    status = error ? { state, attempt, error } : { state, attempt }
    statusListeners.forEach((listener) => listener())
  }

  function goDown() {
    handshake++
    clearTimeout(refreshTimer)
    clearInterval(heartbeatTimer)
    if (up) {
      up = false
      downs.forEach((listener) => listener())
    }
    waiting.forEach((fail) => fail(away('the connection was lost')))
    changed()
  }

  function goUp(recovered: boolean) {
    up = wasUp = true
    attempt = 0
    secondTry = false
    error = undefined
    const beat = options.heartbeat ?? 30_000
    clearInterval(heartbeatTimer)
    if (beat > 0) heartbeatTimer = setInterval(() => tell('heartbeat', {}), beat)
    changed()
    ups.forEach((listener) => listener(recovered))
  }

  function retryLater(err: WireError) {
    if (!wanted) return
    attempt++
    error = plain(err)
    socket.disconnect()
    goDown()
    clearTimeout(retryTimer)
    retryTimer = setTimeout(() => socket.connect(), backoff(attempt))
  }

  function refuse(err: WireError, state: 'refused' | 'closed' = 'refused') {
    end(state, err)
    report(plain(err))
  }

  /** The server said no: with a fresh token once more where that helps, later where time helps, otherwise never. */
  function onRefusal(err: WireError, again: () => void) {
    if (!wanted) return
    if (err.retryable) return retryLater(err)
    if (err.code === 'token_expired' && getToken && !secondTry) {
      secondTry = true
      return again()
    }
    refuse(err)
  }

  async function identify(): Promise<void> {
    const sent = token
    try {
      const reply = await ask<IdentifyReply>('identify', { userId, username, ...(sent ? { token: sent } : {}) })
      scheduleRefresh(sent, Date.parse(reply.serverTime))
      if (!up) goUp(false)
      secondTry = false
    } catch (err) {
      if (!(err instanceof ChatError) || (err.code === 'unavailable' && !socket.connected)) return // socket.io connects again
      onRefusal(err, () => void renew())
    }
  }

  /** Asks for a token and identifies with it, on the connection that is there. */
  async function renew(): Promise<void> {
    try {
      await freshToken()
    } catch (err) {
      error = plain(away(`no token: ${err instanceof Error ? err.message : err}`))
      changed()
      clearTimeout(refreshTimer)
      refreshTimer = setTimeout(() => void renew(), backoff(3))
      return
    }
    if (socket.connected) await identify()
  }

  function scheduleRefresh(used: string | undefined, now: number) {
    clearTimeout(refreshTimer)
    const expiry = used && getToken ? expiryOf(used) : undefined
    if (expiry !== undefined) refreshTimer = setTimeout(() => void renew(), refreshDelay(expiry, now))
  }

  /** A request on a connection that need not be identified. */
  function ask<T>(event: keyof ClientToServerEvents, payload: unknown): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!socket.connected) return reject(away())
      const fail = (err: ChatError) => {
        waiting.delete(fail)
        clearTimeout(timer)
        reject(err)
      }
      const timer = setTimeout(() => fail(away('no answer in time')), answerWithin)
      waiting.add(fail)
      const said = emit(event, payload, (reply: any) => {
        if (reply?.error && (reply.status === 'error' || reply.status === 'failed')) return fail(new ChatError(reply.error))
        waiting.delete(fail)
        clearTimeout(timer)
        resolve(reply)
      })
      if (!said) fail(away('the connection was lost'))
    })
  }

  /**
   * Emits now or never. A socket that notices just then that its connection has
   * gone keeps what is emitted for the next one, where it would come before
   * all that has waited longer.
   */
  function emit(...args: unknown[]): boolean {
    const kept = socket.sendBuffer.length // the app's own
    ;(socket.emit as (...args: unknown[]) => void)(...args)
    return socket.sendBuffer.splice(kept).length === 0
  }

  function tell(event: keyof ClientToServerEvents, payload: unknown) {
    if (up) emit(event, payload)
  }

  function report(event: ErrorEvent) {
    errorListeners.forEach((listener) => shielded(listener, event))
  }

  socket.on('connect', () => {
    if (socket.recovered && wasUp) goUp(true)
    else void ready().then(identify, identify)
  })
  socket.on('disconnect', goDown)
  socket.on('connect_error', (err: Error & { data?: WireError }) => {
    // A socket that is still active is tried again by socket.io itself.
    if (!socket.active) {
      return onRefusal(err.data?.code ? err.data : { code: 'unauthorized', message: err.message, retryable: false }, () => socket.connect())
    }
    attempt++
    error = plain(away(err.message))
    changed()
  })
  socket.on('session_revoked', (event) => refuse({ code: 'unauthorized', message: event.reason, retryable: false }, 'closed'))
  socket.on('error', (event) => {
    if (event.code === 'token_expired' && !event.event && getToken) void renew()
    else report(event)
  })

  const onOnline = () => {
    changed()
    if (wanted && !socket.connected) now()
  }

  function now() {
    clearTimeout(retryTimer)
    socket.disconnect() // ends a wait for the next attempt
    socket.connect()
  }

  function end(state: typeof ended, err?: WireError) {
    wanted = false
    ended = state
    error = err && plain(err)
    attempt = 0
    clearTimeout(retryTimer)
    browser?.removeEventListener('online', onOnline)
    browser?.removeEventListener('offline', changed)
    socket.disconnect()
    goDown()
  }

  return {
    userId,
    get username() {
      return username
    },
    socket,
    get up() {
      return up
    },
    request: (event, payload) => (up ? ask(event, payload) : Promise.reject(away())),
    tell,
    on(event, listener) {
      if (event === 'error') {
        errorListeners.add(listener)
        return () => void errorListeners.delete(listener)
      }
      const safe = (data: unknown) => shielded(listener, data)
      socket.on(event as any, safe)
      return () => void socket.off(event as any, safe)
    },
    replay: (event, data) => socket.listeners(event as any).forEach((listener: (data: any) => void) => listener(data)),
    onUp(listener) {
      ups.add(listener)
      if (up) listener(false)
      return () => void ups.delete(listener)
    },
    onDown(listener) {
      downs.add(listener)
      return () => void downs.delete(listener)
    },
    report,
    status: () => status,
    onStatus: (listener) => void statusListeners.add(listener),
    open() {
      if (wanted && socket.connected) return
      if (!wanted) {
        wanted = true
        ready().catch(() => {}) // begins beside the handshake
        wasUp = secondTry = false
        error = undefined
        browser?.addEventListener('online', onOnline)
        browser?.addEventListener('offline', changed)
      }
      now()
      changed()
    },
    close: (state) => end(state),
    update(o) {
      const other = (o.token !== undefined && o.token !== given) || (o.username !== undefined && o.username !== username)
      if (o.getToken) getToken = o.getToken
      if (o.token !== undefined) {
        given = o.token
        if (!o.getToken) token = o.token
      }
      if (o.username) username = o.username
      if (!other) return
      if (up) void identify()
      else if (!wanted && ended === 'refused') this.open()
    },
  }
}

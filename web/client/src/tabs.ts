/** This tab's place among the tabs of one user. */
export interface Tabs {
  /** Tells the other tabs. */
  tell(message: unknown): void
  /** This tab can send: `onTurn(true)` is called when it is its turn. */
  stand(): void
  /** It cannot any more: another tab may. */
  rest(): void
  /** Takes the turn from the tab that has it. */
  take(): void
  close(): void
}

/**
 * Joins the tabs of a scope. Of those that can send one does: who stands waits
 * for a lock that the browser gives to the next one when its holder rests,
 * closes or crashes. `onTurn(false)`: another tab took the turn, and this one
 * stands behind it. Where there are no Web Locks, or the page may not use
 * them, everyone leads, since a message's tempId makes it harmless when two
 * send it.
 */
export function joinTabs(scope: string, onTurn: (leads: boolean) => void, onMessage: (message: any) => void): Tabs {
  const name = `corrillo:${scope}`
  let channel: BroadcastChannel | undefined
  try {
    channel = new BroadcastChannel(name)
    channel.onmessage = (event) => onMessage(event.data)
    // In Node an open channel would keep a finished program running.
    ;(channel as { unref?(): void }).unref?.()
  } catch {
    // There is none, or this page may not store anything: it is alone.
  }

  const locks = typeof navigator === 'undefined' ? undefined : navigator.locks
  let leave: (() => void) | undefined
  function rest() {
    leave?.()
    leave = undefined
  }
  function stand(options?: LockOptions) {
    if (leave) return
    const waiting = new AbortController()
    let release = () => {}
    const mine = (leave = () => {
      waiting.abort()
      release()
    })
    if (!locks) return onTurn(true)
    const held = () =>
      new Promise<void>((resolve) => {
        release = resolve
        if (waiting.signal.aborted) resolve()
        else onTurn(true)
      })
    locks.request(name, options ?? { signal: waiting.signal }, held).catch((err: Error) => {
      if (leave !== mine) return // aborted by rest
      if (err.name !== 'AbortError') return onTurn(true)
      leave = undefined
      onTurn(false)
      stand()
    })
  }
  return {
    tell: (message) => channel?.postMessage(message),
    stand: () => stand(),
    rest,
    take() {
      rest()
      stand({ steal: true })
    },
    close() {
      rest()
      channel?.close()
    },
  }
}

/** A new id of a message. `randomUUID` is missing on pages that are not served securely. */
export function newTempId(): string {
  return crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('')
}

import type { ErrorCode, WireError } from './protocol.js'

/**
 * Why a request failed: the server's refusal, or `unavailable` when there was
 * nobody to ask. Branch on `code` and `retryable`.
 */
export class ChatError extends Error implements WireError {
  readonly code: ErrorCode
  readonly retryable: boolean

  constructor({ code, message, retryable }: WireError) {
    super(message)
    this.name = 'ChatError'
    this.code = code
    this.retryable = retryable
  }
}

/** Nobody answers; the same may succeed later. */
export const away = (message = 'not connected') => new ChatError({ code: 'unavailable', message, retryable: true })

/** The plain form, for snapshots and events. */
export const plain = ({ code, message, retryable }: WireError): WireError => ({ code, message, retryable })

/** Runs a listener of the app's. What it throws is the app's to see, and nobody else's to suffer. */
export function shielded(listener: (...args: any[]) => void, ...args: unknown[]): void {
  try {
    listener(...args)
  } catch (err) {
    queueMicrotask(() => {
      throw err
    })
  }
}

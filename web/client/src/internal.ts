/**
 * The seams between the modules of this package. Not part of what the package
 * exports.
 */
import type { Socket } from 'socket.io-client'
import type { Draft } from './api.js'
import type { Address, ClientToServerEvents, MessageSent, ServerToClientEvents, WireError } from './protocol.js'

/** The identified connection (link.ts). */
export interface Link {
  readonly userId: string
  readonly username: string
  readonly socket: Socket<ServerToClientEvents, ClientToServerEvents>
  /** Identified: a request is answered. */
  readonly up: boolean
  /**
   * Emits and resolves with the reply. Rejects with a ChatError: the server's
   * refusal, or `unavailable` when the connection is away, goes, or gives no
   * answer in time. Never queues: who needs that uses the outbox.
   */
  request<T>(event: keyof ClientToServerEvents, payload: unknown): Promise<T>
  /** Emits when the connection is up, and forgets it otherwise. */
  tell(event: keyof ClientToServerEvents, payload: unknown): void
  on(event: string, listener: (data: any) => void): () => void
  /** Hands the listeners of `event` what the connection did not bring. */
  replay(event: string, data: unknown): void
  /**
   * After each identify. `recovered`: the session lives on, all that was
   * joined is joined and what was missed follows by itself. Otherwise
   * everything has to be joined again with afterSeq and afterRev. Called at
   * once when the link is up already.
   */
  onUp(listener: (recovered: boolean) => void): () => void
  onDown(listener: () => void): () => void
  /** An error nobody waits for: goes to listeners of `error`. */
  report(error: WireError): void
}

/** A message that has no ack yet. */
export interface OutboxEntry {
  readonly tempId: string
  readonly address: Address
  readonly draft: Draft
  readonly createdAt: string
  readonly state: 'pending' | 'failed'
  readonly error?: WireError
}

export type OutboxChange =
  | { type: 'added' | 'changed' | 'discarded'; entry: OutboxEntry }
  | { type: 'acked'; entry: OutboxEntry; ack: MessageSent }

/**
 * What waits for its ack, of this user in this browser: other tabs' messages
 * too, in the order of sending (outbox.ts).
 */
export interface Outbox {
  entries(): readonly OutboxEntry[]
  /** Visible at once, to subscribers before it returns; kept and sent behind. */
  add(address: Address, draft: Draft): OutboxEntry
  retry(tempId: string): void
  discard(tempId: string): void
  subscribe(listener: (change: OutboxChange) => void): () => void
}

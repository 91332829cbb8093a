/**
 * What `@corrillo/client` gives an app, as types. The modules beside this one
 * keep these promises; nothing is decided here.
 */
import type { Socket } from 'socket.io-client'
import type {
  Address,
  ErrorEvent,
  HistoryReply,
  MemberRecord,
  Message,
  MessageSent,
  PresenceRecord,
  ServerToClientEvents,
  ClientToServerEvents,
  WireError,
} from './protocol.js'

/**
 * A conversation: the id of a group (or a `directId`), or the person at the
 * other end as `{receiverId}`.
 */
export type Target = string | Address

export interface ChatOptions {
  /** Where Corrillo is. Default `http://localhost:3001`; `''` is the page's own host. */
  url?: string
  userId: string
  /** What others see; the id when absent. With a token its name counts. */
  username?: string
  token?: string
  /** Asked before each connection and before the token at hand expires. Wins over `token`. */
  getToken?: () => string | Promise<string>
  /** Messages that may be on their way without an ack. Default 8. */
  inFlight?: number
  /** Milliseconds between heartbeats; 0 for none. Default 30 000. */
  heartbeat?: number
  /** Where unsent messages are kept. Default IndexedDB, and memory where there is none. */
  storage?: 'indexeddb' | 'memory'
  /** Passed on to socket.io-client: transports, path, reconnection delays... */
  io?: Record<string, unknown>
}

/** Where the connection stands. One word for people and for code. */
export type ConnectionState =
  /** Nobody uses it yet. */
  | 'idle'
  /** On the way for the first time, as often as it takes. */
  | 'connecting'
  /** Identified: requests are answered. */
  | 'connected'
  /** It was there and is coming back. */
  | 'reconnecting'
  /** The browser has no network. It goes on by itself. */
  | 'offline'
  /** The server said no for good (`error` has the code): nothing more is tried until `connect()` or another token. */
  | 'refused'
  /** `close()` was called, or the server revoked the session. */
  | 'closed'

/** Changes are new objects: compare by identity. */
export interface Status {
  readonly state: ConnectionState
  /** Attempts since the connection was last there. */
  readonly attempt: number
  /** Where unsent messages are: they survive a reload only in `indexeddb`. */
  readonly storage: 'opening' | 'indexeddb' | 'memory'
  /** Messages that wait for their ack, of this user in this browser. */
  readonly pending: number
  /** Messages that the server refused, for `retry` or `discard`. */
  readonly failed: number
  /** Why `refused`, or the last failure to connect. */
  readonly error?: WireError
}

/** A message as a screen shows it. */
export interface ChatMessage extends Message {
  /** Stable from the first moment to the last: a `key` for lists. */
  readonly key: string
  /**
   * `pending`: kept and not acked yet (`seq` is 0, `id` is the tempId).
   * `failed`: refused, see `error`; `retry` or `discard` it. `sent`: stored.
   */
  readonly state: 'pending' | 'failed' | 'sent'
  readonly error?: WireError
  /** This user wrote it. */
  readonly own: boolean
}

/** What may be sent besides plain text. */
export interface Draft {
  content: string
  type?: string
  metadata?: unknown
  replyTo?: unknown
  [field: string]: unknown
}

/** A member of a conversation, as far as it is known. */
export interface Member extends MemberRecord {
  /** The last name seen; the id when none was. */
  readonly username: string
}

/** One conversation at one moment. Changes are new objects. */
export interface ConversationState {
  readonly target: Address
  /** `idle`: nobody looks; `joining`; `joined`: live; `stale`: shown, but the connection is away; `failed`: refused, see `error`. */
  readonly status: 'idle' | 'joining' | 'joined' | 'stale' | 'failed'
  readonly error?: WireError
  /** Oldest first, stored ones by seq, then pending and failed ones in the order of sending. */
  readonly messages: readonly ChatMessage[]
  readonly hasOlder: boolean
  readonly loadingOlder: boolean
  /** Others who are typing now. */
  readonly typing: readonly { userId: string; username: string }[]
  readonly members: readonly Member[]
  /** This user's read mark and the messages of others beyond it. */
  readonly readSeq: number
  readonly unread: number
  /** The highest seq that somebody else has read. */
  readonly readByOthers: number
}

/** Something that can be shown by `useSyncExternalStore`. */
export interface Store<T> {
  /** The same object until something changed. */
  get(): T
  /** Calls back after each change. Returns the way to stop. */
  subscribe(listener: () => void): () => void
}

/**
 * A conversation that is joined while somebody subscribes, and rejoined by
 * itself. Promises of its methods reject with a ChatError.
 */
export interface Conversation extends Store<ConversationState> {
  /** Keeps the message and sends it when it can. Never throws for a connection. Returns its tempId. */
  send(message: string | Draft): string
  retry(tempId: string): void
  discard(tempId: string): void
  /** Reads one more page of history into `messages`. One at a time. */
  loadOlder(limit?: number): Promise<void>
  /** Up to `seq`, or to the newest message. Asks the server at most once for each mark. */
  markRead(seq?: number): void
  /** Call it at each key: it is told to the others as rarely as is enough, and ends by itself. */
  sendTyping(isTyping?: boolean): void
  edit(messageId: string, content: string): Promise<void>
  remove(messageId: string): Promise<void>
}

export interface ConversationItem {
  readonly target: Address
  readonly key: string
  readonly lastMessage: ChatMessage | null
  readonly lastSeq: number
  readonly unread: number
  readonly lastActivityAt: string
}

export interface ConversationsState {
  readonly status: 'idle' | 'loading' | 'ready' | 'failed'
  readonly error?: WireError
  /** Newest activity first. */
  readonly items: readonly ConversationItem[]
  /** Unread messages of all of them together. */
  readonly unread: number
  readonly hasMore: boolean
}

/** This user's conversations, kept up to date by what arrives. */
export interface Conversations extends Store<ConversationsState> {
  loadMore(): Promise<void>
  refresh(): Promise<void>
}

/** Events that `Chat.on` knows; any other name is one that the back end chose. */
export type ChatEvents = ServerToClientEvents

/**
 * One user's chat: a connection that all who ask for the same url and user
 * share, its outbox, its conversations. It connects with the first `retain`
 * and closes a moment after the last release.
 */
export interface Chat extends Store<Status> {
  readonly url: string
  readonly userId: string
  readonly username: string
  /** The Socket.IO socket itself, for events of the app's own. */
  readonly socket: Socket<ServerToClientEvents, ClientToServerEvents>
  /** Uses the connection until the returned function is called. */
  retain(): () => void
  /** Tries again now: after `refused`, or without waiting for the backoff. */
  connect(): void
  /** Ends it for all its users. What is unsent stays in the outbox. */
  close(): void
  /** Another token or name for the connection that is there. */
  update(options: Pick<ChatOptions, 'token' | 'getToken' | 'username'>): void
  on<E extends keyof ChatEvents>(event: E, listener: ChatEvents[E]): () => void
  on(event: string, listener: (data: any) => void): () => void
  conversation(target: Target): Conversation
  conversations(): Conversations
  /** As `Conversation.send`, and waits for the ack. Rejects with the ChatError when it is refused. */
  send(target: Target, message: string | Draft): { tempId: string; sent: Promise<MessageSent> }
  retry(tempId: string): void
  discard(tempId: string): void
  /** Joins and stays joined over reconnects until `leave`. */
  join(target: Target): Promise<void>
  leave(target: Target): void
  sendTyping(target: Target, isTyping?: boolean): void
  markRead(read: string | { messageId: string } | (Address & { seq: number })): Promise<void>
  history(target: Target, page?: { beforeSeq?: number; afterSeq?: number; limit?: number }): Promise<HistoryReply>
  presence(userIds: string[]): Promise<Record<string, PresenceRecord>>
}

export type { ErrorEvent }

/**
 * The events of Corrillo's protocol as types, for `@corrillo/client` itself
 * and for whoever uses `socket.io-client` bare:
 *
 *     const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(url)
 *
 * docs/PROTOCOL.md is the text behind them.
 */

/** A stable error code. Branch on it and on `retryable`, never on `message`. */
export type ErrorCode =
  | 'not_identified'
  | 'unauthorized'
  | 'token_expired'
  | 'forbidden'
  | 'not_found'
  | 'invalid_payload'
  | 'payload_too_large'
  | 'conflict'
  | 'rate_limited'
  | 'overloaded'
  | 'unavailable'
  | 'draining'
  | 'internal'

/** What the server says when it refuses something. `message` is for people. */
export interface WireError {
  code: ErrorCode
  message: string
  /** The same request may succeed later. */
  retryable: boolean
}

/** The `error` event: a failure that no callback was waiting for. */
export interface ErrorEvent extends WireError {
  event?: string
  tempId?: string | number
}

/** Names a conversation: a group by its id, or a person by theirs. */
export type Address = { conversationId: string; receiverId?: undefined } | { receiverId: string; conversationId?: undefined }

/**
 * A stored message. A group's has `conversationId`; a direct one has
 * `receiverId` and `directId` instead. `seq` is 1, 2, 3... in each
 * conversation, without gaps. Times are ISO 8601 in UTC with milliseconds.
 * Fields of the app's own stand beside these.
 */
export interface Message {
  id: string
  conversationId?: string
  receiverId?: string
  directId?: string
  seq: number
  senderId: string
  senderName: string
  content: string
  type: string
  metadata?: unknown
  replyTo?: unknown
  tempId?: string | number
  createdAt: string
  /** Number of the conversation's edit or deletion that last changed it. */
  rev?: number
  editedAt?: string
  /** A tombstone: `content` is empty. */
  deletedAt?: string
  /** Who deleted it; `""` for the back end. */
  deletedBy?: string
  [field: string]: unknown
}

/** What a client sends in `send_message`; fields of the app's own are kept. */
export interface OutgoingMessage {
  content: string
  conversationId?: string
  receiverId?: string
  /** The client's own id: a repeat with it is harmless, for ever. */
  tempId?: string | number
  type?: string
  metadata?: unknown
  replyTo?: unknown
  [field: string]: unknown
}

/** The message is committed in the database. */
export interface MessageSent {
  tempId: string | number | null
  messageId: string
  conversationId?: string
  directId?: string
  seq: number
  createdAt: string
  status: 'sent'
}

/** The message was refused. */
export interface MessageFailed {
  tempId: string | number | null
  status: 'failed'
  error: WireError
}

export type MessageAck = MessageSent | MessageFailed

/** A refused request, whatever was asked. */
export interface Refusal {
  status: 'error'
  error: WireError
}

export interface IdentifyReply {
  status: 'ok'
  userId: string
  sessionId: string
  serverTime: string
}

export interface JoinReply {
  status: 'ok'
  conversationId: string
  directId?: string
  lastSeq: number
  lastRev: number
  /** This user's read mark. */
  readSeq: number
  unread: number
  /** Messages after `afterSeq`, oldest first; 200 at most. */
  missed: Message[]
  /** Messages edited or deleted after `afterRev`; 200 at most. */
  changed: Message[]
  /** More was missed than came: ask on with `get_history` and `afterSeq`. */
  hasMore: boolean
}

export interface HistoryReply {
  /** Ascending by `seq`. */
  messages: Message[]
  hasMore: boolean
}

export interface ConversationSummary {
  conversationId?: string
  /** A direct conversation: the other person. */
  receiverId?: string
  directId?: string
  lastMessage: Message | null
  lastSeq: number
  readSeq: number
  unread: number
  lastActivityAt: string
}

export interface ConversationsReply {
  status: 'ok'
  /** Newest activity first. */
  conversations: ConversationSummary[]
  /** Send it back for the next page; absent after the last. */
  cursor?: string
}

export interface MemberRecord {
  userId: string
  /** `member`, `moderator` or `owner`. */
  role: string
  /** The highest seq that this user has read. */
  readSeq: number
  status: 'online' | 'offline'
  lastSeen: string | null
}

export interface MembersReply {
  status: 'ok'
  members: MemberRecord[]
  cursor?: string
}

export interface PresenceRecord {
  status: 'online' | 'offline'
  lastSeen: string | null
}

export interface TypingEvent {
  userId: string
  username: string
  conversationId?: string
  receiverId?: string
  directId?: string
  isTyping: boolean
}

export interface MessageReadEvent {
  userId: string
  conversationId?: string
  receiverId?: string
  directId?: string
  messageId: string
  seq: number
  readAt: string
}

export interface PresenceEvent {
  userId: string
  status: 'online' | 'offline'
  lastSeen: string
}

export interface MessageDeletedEvent {
  messageId: string
  conversationId?: string
  receiverId?: string
  directId?: string
  seq: number
  rev: number
  deletedBy: string
}

type Reply<T> = (reply: T | Refusal) => void

/** What a client may emit, with the callback that gets the reply. */
export interface ClientToServerEvents {
  identify: (payload: { userId: string; username?: string; token?: string }, reply?: Reply<IdentifyReply>) => void
  join_conversation: (payload: string | (Address & { afterSeq?: number; afterRev?: number }), reply?: Reply<JoinReply>) => void
  leave_conversation: (payload: string | Address, reply?: Reply<{ status: 'ok' }>) => void
  send_message: (payload: OutgoingMessage, reply?: (reply: MessageAck) => void) => void
  typing: (payload: Address & { isTyping?: boolean }, reply?: Reply<{ status: 'ok' }>) => void
  mark_read: (payload: ReadPayload, reply?: Reply<ReadReply>) => void
  read_message: (payload: ReadPayload, reply?: Reply<ReadReply>) => void
  heartbeat: (payload?: unknown, reply?: Reply<{ serverTime: string }>) => void
  edit_message: (payload: { messageId: string; content: string } & Partial<Address>, reply?: Reply<{ status: 'ok'; message: Message }>) => void
  delete_message: (payload: { messageId: string } & Partial<Address>, reply?: Reply<{ status: 'ok'; messageId: string }>) => void
  get_history: (payload: Address & { beforeSeq?: number; afterSeq?: number; limit?: number }, reply?: Reply<HistoryReply>) => void
  get_conversations: (payload: { limit?: number; cursor?: string }, reply?: Reply<ConversationsReply>) => void
  get_members: (payload: Address & { limit?: number; cursor?: string }, reply?: Reply<MembersReply>) => void
  get_presence: (payload: { userIds: string[] }, reply?: Reply<Record<string, PresenceRecord>>) => void
}

export type ReadPayload = string | { messageId: string } | (Address & { seq: number })
export interface ReadReply {
  status: 'ok'
  conversationId: string
  readSeq: number
}

/** What the server emits. */
export interface ServerToClientEvents {
  message_ack: (ack: MessageAck) => void
  new_message: (message: Message) => void
  typing: (event: TypingEvent) => void
  heartbeat_ack: (event: { serverTime: string }) => void
  message_read: (event: MessageReadEvent) => void
  presence: (event: PresenceEvent) => void
  message_updated: (message: Message) => void
  message_deleted: (event: MessageDeletedEvent) => void
  notification: (data: any) => void
  session_revoked: (event: { reason: string }) => void
  error: (event: ErrorEvent) => void
}

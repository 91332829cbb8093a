/**
 * `@corrillo/client/react`: the chat as hooks. Rendering never connects:
 * effects do, so that Strict Mode and servers are safe.
 */
import { createContext, createElement, useContext, useEffect, useMemo, useRef, useSyncExternalStore, type ReactNode } from 'react'
import type { Chat, ChatOptions, Conversation, Conversations, ConversationsState, ConversationState, Draft, Status, Store, Target } from './api.js'
import type { Address, ErrorEvent, Message, MessageAck, MessageReadEvent, PresenceEvent, ServerToClientEvents, TypingEvent } from './protocol.js'
import { noConversation, noList, noStatus } from './blank.js'
import { createChat, onChats, onlyChat } from './registry.js'

export type * from './api.js'
export type * from './protocol.js'

/** As ChatOptions; without a `userId`, nobody being signed in yet, nothing happens. */
export type ChatProps = Omit<ChatOptions, 'userId'> & { userId?: string | null | undefined }

/** What may be called back. New functions at each render are fine: the connection stays. */
export interface SocketCallbacks {
  /**
   * Each new message that this connection hears, those that it missed in what it has joined, and the
   * user's own in groups: once, after the ack, also when it was sent before the group was joined. An own
   * direct message has its ack alone.
   */
  onNewMessage?: (message: Message) => void
  /** What became of each of this user's messages, direct ones too, in every tab. */
  onMessageAck?: (ack: MessageAck) => void
  onTyping?: (event: TypingEvent) => void
  onMessageRead?: (event: MessageReadEvent) => void
  onPresence?: (event: PresenceEvent) => void
  onMessageUpdated?: ServerToClientEvents['message_updated']
  onMessageDeleted?: ServerToClientEvents['message_deleted']
  onNotification?: (data: any) => void
  /** A failure that no call is waiting for; once when the server refuses the connection. */
  onError?: (error: ErrorEvent) => void
}

export type UseSocketOptions = ChatProps & SocketCallbacks

export interface UseSocket {
  /** Identified: what is sent is answered. */
  isConnected: boolean
  status: Status
  /** Keeps the message until its ack and sends it when it can. Returns its tempId. */
  sendMessage: (message: Draft & Partial<Address>) => string
  /** Joins, and stays joined over reconnects. Failures go to `onError`. */
  joinConversation: (target: Target) => void
  leaveConversation: (target: Target) => void
  sendTyping: (target: Target, isTyping?: boolean) => void
  /** Everything up to this message is read. Failures go to `onError`. */
  markRead: (read: string | { messageId: string } | (Address & { seq: number })) => void
  /** The Socket.IO socket; null on a server and while nobody is signed in. */
  socket: Chat['socket'] | null
}

const never = () => () => {}

/** A store's state; `empty` on a server, while hydrating, and without a store. */
function useStore<T>(store: Store<T> | undefined, empty: T): T {
  return useSyncExternalStore(store?.subscribe ?? never, store?.get ?? (() => empty), () => empty)
}

/** The chat of these options, connected while the component is there. */
function useOwnChat(options: ChatProps): Chat | undefined {
  const { url, userId } = options
  const chat = useMemo(
    () => (userId && typeof window !== 'undefined' ? createChat({ ...options, userId }) : undefined),
    // Only these two make it another chat; the rest is brought by update.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [url, userId],
  )
  const { token, getToken, username } = options
  useEffect(() => chat?.update({ token, getToken, username }), [chat, token, getToken, username])
  return chat
}

const events = {
  onNewMessage: 'new_message',
  onMessageAck: 'message_ack',
  onTyping: 'typing',
  onMessageRead: 'message_read',
  onPresence: 'presence',
  onMessageUpdated: 'message_updated',
  onMessageDeleted: 'message_deleted',
  onNotification: 'notification',
  onError: 'error',
} as const

/** One connection for all components that ask for the same url and user, and what it hears. */
export function useSocket(options: UseSocketOptions): UseSocket {
  const chat = useOwnChat(options)
  const latest = useRef(options)
  useEffect(() => {
    latest.current = options
  })
  useEffect(() => {
    if (!chat) return
    const stops = Object.entries(events).map(([name, event]) =>
      chat.on(event as string, (data) => latest.current[name as keyof typeof events]?.(data)),
    )
    stops.push(chat.retain()) // last: nothing is missed
    return () => stops.forEach((stop) => stop())
  }, [chat])
  const status = useStore(chat, noStatus)
  const calls = useMemo(() => {
    const failed = (err: ErrorEvent) => latest.current.onError?.(err)
    return {
      sendMessage: ({ conversationId, receiverId, ...draft }: Draft & Partial<Address>) => {
        if (!chat) throw new Error('useSocket: sendMessage needs a userId')
        const target = (conversationId !== undefined ? { conversationId, ...(receiverId !== undefined && { receiverId }) } : { receiverId }) as Address
        return chat.send(target, draft as Draft).tempId
      },
      joinConversation: (target: Target) => void chat?.join(target).catch(failed),
      leaveConversation: (target: Target) => chat?.leave(target),
      sendTyping: (target: Target, isTyping?: boolean) => chat?.sendTyping(target, isTyping),
      markRead: (read: Parameters<Chat['markRead']>[0]) => void chat?.markRead(read).catch(failed),
    }
  }, [chat])
  return { isConnected: status.state === 'connected', status, ...calls, socket: chat?.socket ?? null }
}

const Context = createContext<Chat | undefined>(undefined)

/** Gives the components below it a chat, and keeps it connected. */
export function ChatProvider({ children, ...options }: ChatProps & { children?: ReactNode }): ReactNode {
  const chat = useOwnChat(options)
  useEffect(() => chat?.retain(), [chat])
  return createElement(Context.Provider, { value: chat }, children)
}

/** The chat of the ChatProvider above; without one, the page's only chat that is in use. */
export function useChat(): Chat | undefined {
  const given = useContext(Context)
  const only = useSyncExternalStore(onChats, onlyChat, () => undefined)
  return given ?? only
}

/** How the connection and the outbox stand. */
export function useStatus(): Status {
  return useStore(useChat(), noStatus)
}

export type UseConversation = ConversationState & Omit<Conversation, 'get' | 'subscribe'>

const inert: Omit<Conversation, 'get' | 'subscribe'> = {
  send() {
    throw new Error('useConversation: there is no chat, or no conversation was named')
  },
  retry() {},
  discard() {},
  loadOlder: () => Promise.resolve(),
  markRead() {},
  sendTyping() {},
  edit: () => Promise.resolve(),
  remove: () => Promise.resolve(),
}

/** One conversation, joined while a component shows it. null and undefined name none. */
export function useConversation(target: Target | null | undefined): UseConversation {
  const chat = useChat()
  const id = typeof target === 'string' ? target : target?.conversationId
  const peer = typeof target === 'string' ? undefined : target?.receiverId
  const conversation = useMemo(
    () => (id !== undefined ? chat?.conversation(id) : peer !== undefined ? chat?.conversation({ receiverId: peer }) : undefined),
    [chat, id, peer],
  )
  return { ...useStore(conversation, noConversation), ...(conversation ?? inert) }
}

export type UseConversations = ConversationsState & Pick<Conversations, 'loadMore' | 'refresh'>

/** The user's conversations, newest activity first, with what is unread. */
export function useConversations(): UseConversations {
  const list = useChat()?.conversations()
  const done = () => Promise.resolve()
  return { ...useStore(list, noList), loadMore: list?.loadMore ?? done, refresh: list?.refresh ?? done }
}

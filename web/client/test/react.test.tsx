// @vitest-environment happy-dom
import { act, cleanup, render } from '@testing-library/react'
import { StrictMode, useEffect, useState } from 'react'
import { renderToString } from 'react-dom/server'
import { afterEach, expect, it, vi } from 'vitest'
import { ChatProvider, useConversation, useConversations, useSocket, type UseConversation, type UseSocket, type UseSocketOptions } from '../src/react.js'
import type { ErrorEvent, Message } from '../src/protocol.js'
import { start, until } from './server.js'

afterEach(cleanup)

const io = { reconnectionDelay: 50, reconnectionDelayMax: 200 }

/** A component that hands out what the hook gives. */
function Probe({ seen, ...options }: UseSocketOptions & { seen: (socket: UseSocket) => void }) {
  seen(useSocket({ io, ...options }))
  return null
}

it('opens one connection for all components, in Strict Mode too', async () => {
  const server = await start()
  const states: boolean[][] = [[], [], []]
  const probe = (i: number) => <Probe key={i} url={server.url} userId="ann" seen={(s) => states[i]!.push(s.isConnected)} />
  const { unmount } = render(<StrictMode>{[0, 1, 2].map(probe)}</StrictMode>)
  await until(() => expect(states.map((s) => s.at(-1))).toEqual([true, true, true]))
  expect(await server.opened()).toBe(1)
  unmount()
  await until(async () => expect(await server.connections()).toBe(0))
})

it('calls the callbacks of the last render, without a reconnect', async () => {
  const server = await start()
  const heard: string[] = []
  let rename = (_name: string) => {}
  let socket!: UseSocket
  function App() {
    const [name, setName] = useState('first')
    useEffect(() => void (rename = setName), [])
    return <Probe url={server.url} userId="ann" seen={(s) => (socket = s)} onNewMessage={(m: Message) => heard.push(`${name}: ${m.content}`)} />
  }
  render(<App />)
  await until(() => expect(socket.isConnected).toBe(true))
  socket.joinConversation('room')
  socket.sendMessage({ conversationId: 'room', content: 'one' })
  await until(() => expect(heard).toEqual(['first: one']))
  act(() => rename('second'))
  socket.sendMessage({ conversationId: 'room', content: 'two' })
  await until(() => expect(heard).toEqual(['first: one', 'second: two']))
  expect(await server.opened()).toBe(1)
})

it('tells acks, typing and read marks, as hand-written hooks do', async () => {
  const server = await start()
  const seen = { ann: undefined as UseSocket | undefined, bob: undefined as UseSocket | undefined }
  const acks = vi.fn()
  const typing = vi.fn()
  const reads = vi.fn()
  const messages: Message[] = []
  render(
    <>
      <Probe url={server.url} userId="ann" username="Ann" seen={(s) => (seen.ann = s)} onMessageAck={acks} onTyping={typing} onMessageRead={reads} />
      <Probe url={server.url} userId="bob" username="Bob" seen={(s) => (seen.bob = s)} onNewMessage={(m) => messages.push(m)} />
    </>,
  )
  await until(() => expect(seen.ann!.isConnected && seen.bob!.isConnected).toBe(true))
  seen.ann!.joinConversation('room')
  seen.bob!.joinConversation('room')
  const tempId = seen.ann!.sendMessage({ conversationId: 'room', content: '<b>hi</b>' })
  await until(() => expect(acks).toHaveBeenCalledWith(expect.objectContaining({ tempId, status: 'sent', seq: 1 })))
  expect(acks).toHaveBeenCalledTimes(1)
  await until(() => expect(messages).toMatchObject([{ content: '<b>hi</b>', senderName: 'Ann' }]))
  seen.bob!.sendTyping('room')
  seen.bob!.markRead(messages[0]!.id)
  await until(() => expect(typing).toHaveBeenCalledWith(expect.objectContaining({ userId: 'bob', isTyping: true })))
  await until(() => expect(reads).toHaveBeenCalledWith(expect.objectContaining({ userId: 'bob', seq: 1 })))
})

it('says a refusal once, and throws nothing into React', async () => {
  const server = await start({ dev: false, env: { JWT_SECRET: 'a secret of more than 32 bytes, for tests' } })
  const errors: ErrorEvent[] = []
  let socket!: UseSocket
  render(<StrictMode><Probe url={server.url} userId="ann" token="no token" seen={(s) => (socket = s)} onError={(e) => errors.push(e)} /></StrictMode>)
  await until(() => expect(socket.status).toMatchObject({ state: 'refused', error: { code: 'unauthorized' } }))
  expect(errors.map((e) => e.code)).toEqual(['unauthorized'])
})

function Room({ seen }: { seen: (conversation: UseConversation) => void }) {
  const conversation = useConversation('room')
  seen(conversation)
  return <ul>{conversation.messages.map((m) => <li key={m.key}>{m.content} {m.state}</li>)}</ul>
}

it('shows a conversation with its optimistic messages, over a kill of the server', async () => {
  const server = await start()
  let room!: UseConversation
  const shown: string[] = []
  const see = (c: UseConversation) => {
    room = c
    const now = c.messages.map((m) => `${m.key}: ${m.content} ${m.state}`).join()
    if (now !== shown.at(-1)) shown.push(now)
  }
  const view = render(<StrictMode><ChatProvider url={server.url} userId="ann" io={io}><Room seen={see} /></ChatProvider></StrictMode>)
  await until(() => expect(room.status).toBe('joined'))
  let tempId = ''
  act(() => void (tempId = room.send('one')))
  await until(() => expect(view.container.textContent).toBe('one sent'))
  expect(shown).toEqual(['', `${tempId}: one pending`, `${tempId}: one sent`]) // under one key: no flicker
  await server.kill()
  await until(() => expect(room.status).toBe('stale'))
  await act(async () => void room.send('two'))
  expect(view.container.textContent).toBe('one senttwo pending')
  await server.again()
  await until(() => expect(view.container.textContent).toBe('one senttwo sent'))
})

it('lists conversations, and finds the only chat without a provider', async () => {
  const server = await start()
  function List() {
    const { items, unread } = useConversations()
    return <p>{unread}{items.map((i) => ` ${i.target.receiverId ?? i.target.conversationId}`)}</p>
  }
  let ann!: UseSocket
  const view = render(<><Probe url={server.url} userId="ann" seen={(s) => (ann = s)} /><List /></>)
  await until(() => expect(ann.isConnected).toBe(true))
  ann.sendMessage({ conversationId: 'room', content: 'one' })
  await until(() => expect(view.container.textContent).toBe('0 room'))
  ann.sendMessage({ receiverId: 'bob', content: 'two' })
  await until(() => expect(view.container.textContent).toBe('0 bob room'))
})

it('renders on a server, and while nobody is signed in', () => {
  const window = globalThis.window
  vi.stubGlobal('window', undefined)
  try {
    const html = renderToString(<ChatProvider userId="ann"><Room seen={() => {}} /><Probe userId="ann" seen={(s) => expect(s).toMatchObject({ isConnected: false, socket: null })} /></ChatProvider>)
    expect(html).toBe('<ul></ul>')
  } finally {
    vi.stubGlobal('window', window)
  }
  let socket!: UseSocket
  render(<Probe userId={undefined} seen={(s) => (socket = s)} />)
  expect(socket.status.state).toBe('idle')
})

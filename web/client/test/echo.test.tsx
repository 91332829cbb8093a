// @vitest-environment happy-dom
import 'fake-indexeddb/auto'
import { act, cleanup, render } from '@testing-library/react'
import { StrictMode, useEffect } from 'react'
import { afterEach, expect, it } from 'vitest'
import { createChat } from '../src/index.js'
import type { Message } from '../src/protocol.js'
import { useSocket, type UseSocket } from '../src/react.js'
import { chat, start, until } from './server.js'

afterEach(cleanup)

const io = { reconnectionDelay: 50, reconnectionDelayMax: 200 }

/** A component as the README has it, and all that it was told, in order. */
function Lobby({ url, told, seen, join = false }: { url: string; told: string[]; seen: (socket: UseSocket) => void; join?: boolean }) {
  const socket = useSocket({
    url,
    userId: 'ann',
    io,
    onNewMessage: (m) => told.push(`${m.seq} ${m.senderId}: ${m.content}`),
    onMessageAck: (ack) => told.push(`ack ${ack.status === 'sent' ? ack.seq : ack.error.code}`),
  })
  seen(socket)
  const { isConnected, joinConversation } = socket
  useEffect(() => {
    if (join && isConnected) joinConversation('room')
  }, [join, isConnected, joinConversation])
  return null
}

it('tells an own message of a group once, though it was sent before the first join', async () => {
  const server = await start()
  const told: string[] = []
  let ann!: UseSocket
  render(<StrictMode><Lobby url={server.url} told={told} seen={(s) => (ann = s)} /></StrictMode>)
  await until(() => expect(ann.isConnected).toBe(true))
  ann.sendMessage({ conversationId: 'room', content: 'before' })
  await until(() => expect(told).toEqual(['ack 1', '1 ann: before']))
  ann.sendMessage({ conversationId: 'room', content: 'beside' })
  ann.joinConversation('room')
  await until(() => expect(told.slice(2)).toEqual(['ack 2', '2 ann: beside']))
  ann.sendMessage({ conversationId: 'room', content: 'behind' })
  await until(() => expect(told.slice(4)).toEqual(['ack 3', '3 ann: behind']))
})

it('tells what waited for a connection once, when it is sent', async () => {
  const server = await start()
  const told: string[] = []
  let ann!: UseSocket
  render(<Lobby join url={server.url} told={told} seen={(s) => (ann = s)} />)
  await until(() => expect(ann.isConnected).toBe(true))
  ann.sendMessage({ conversationId: 'room', content: 'one' })
  await until(() => expect(told).toEqual(['ack 1', '1 ann: one']))
  await server.kill()
  await until(() => expect(ann.isConnected).toBe(false))
  ann.sendMessage({ conversationId: 'room', content: 'two' })
  await server.again()
  await until(() => expect(told.slice(2)).toEqual(['ack 2', '2 ann: two']))
})

it('tells what an earlier page has left unsent', async () => {
  const server = await start()
  await server.kill()
  const earlier = createChat({ url: server.url, userId: 'ann', io })
  const release = earlier.retain()
  earlier.send('room', 'kept')
  await until(() => expect(earlier.get()).toMatchObject({ storage: 'indexeddb', pending: 1 }))
  earlier.close()
  release()
  await server.again()

  const told: string[] = []
  render(<Lobby join url={server.url} told={told} seen={() => {}} />)
  await until(() => expect(told).toEqual(['ack 1', '1 ann: kept']))
})

it('tells no direct message to the connection that has sent it', async () => {
  const server = await start()
  const told: string[] = []
  let ann!: UseSocket
  render(<Lobby join url={server.url} told={told} seen={(s) => (ann = s)} />)
  const bob = chat(server.url, 'bob')
  const heard: Message[] = []
  bob.on('new_message', (m) => heard.push(m))
  await until(() => expect(ann.isConnected && bob.get().state).toBe('connected'))
  act(() => void ann.sendMessage({ receiverId: 'bob', content: 'psst' }))
  await until(() => expect(heard).toMatchObject([{ content: 'psst', receiverId: 'bob' }]))
  // Read back from the database it is told to all devices of its writer.
  await until(() => expect(told).toEqual(['ack 1']))
  ann.socket!.listeners('new_message').forEach((hear) => hear(heard[0]!))
  ann.sendMessage({ conversationId: 'room', content: 'aloud' })
  await until(() => expect(told).toEqual(['ack 1', 'ack 1', '1 ann: aloud']))
})

// A hand-written socket-server.js as docs/MIGRATING.md shows it: Socket.IO and
// a webhook on one port, a row in MySQL before anybody hears of a message.
// It is what the figures of docs/BENCHMARKS.md compare Corrillo with, so it is
// written to be fast: prepared statements on a pool, an index at the end of
// which rows are added, no compression, one encoding for all of a room.
//
// PORT, HOST, DATABASE_URL (mysql://...; nothing is stored without it),
// DATABASE_POOL (connections, 32), WEBHOOK_SECRET, CORS_ORIGIN.
import { createServer } from 'node:http'
import express from 'express'
import { Server } from 'socket.io'
import { chat } from './chat.js'
import { openStore } from './store.js'
import { webhook } from './webhook.js'

const { PORT = '3001', HOST = '127.0.0.1', DATABASE_URL, DATABASE_POOL = '32', WEBHOOK_SECRET, CORS_ORIGIN } = process.env

const store = await openStore(DATABASE_URL, Number(DATABASE_POOL))
const app = express()
const server = createServer(app)
const io = new Server(server, {
  cors: CORS_ORIGIN ? { origin: CORS_ORIGIN } : undefined,
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
})
// Nobody asks for the request again; kept, it is several KB of each connection.
io.engine.on('connection', (raw) => {
  raw.request = null
})
const deliver = chat(io, store)

app.disable('x-powered-by')
app.get('/health', (_, res) => res.json({ status: 'ok' }))
app.post('/webhook/new-message', express.json({ limit: '256kb' }), webhook(WEBHOOK_SECRET, store, deliver))

server.listen(Number(PORT), HOST)

process.once('SIGTERM', async () => {
  await io.close()
  await store.close()
})

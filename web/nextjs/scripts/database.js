// The app's tables without Prisma's schema engine, which has to be downloaded
// from binaries.prisma.sh before `npx prisma migrate deploy` works:
//
//   node scripts/database.js           what is missing of prisma/migrations
//   node scripts/database.js seed      the demo's users and conversations
//
// The database is that of DATABASE_URL. What was applied is noted where Prisma
// notes it, so that `prisma migrate deploy` goes on from there.
import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { createConnection } from 'mariadb'

const migrations = new URL('../prisma/migrations/', import.meta.url)

const users = [
  ['ann', 'Ann', 'MEMBER'],
  ['bob', 'Bob', 'MEMBER'],
  ['carla', 'Carla', 'MODERATOR'],
  ['system', 'Notice', 'SYSTEM'],
]

const conversations = [
  { id: 'general', title: 'General', people: ['ann', 'bob', 'carla'] },
  { id: 'kitchen', title: 'Kitchen', people: ['ann', 'bob'] },
]

/** Messages of the time before Corrillo, a minute apart: `corrillo import` brings them over. */
const messages = [
  ['general', 'carla', 'Good morning, everybody'],
  ['general', 'bob', 'Morning! Is the new chat on yet?'],
  ['general', 'ann', 'It is. Old messages came along, too'],
  ['kitchen', 'bob', 'Whose turn is it to buy coffee?'],
]

/** Applies the migrations that the database does not have yet, in the order of their names. */
export async function migrate(url) {
  await withConnection(url, async (db) => {
    await db.query(`CREATE TABLE IF NOT EXISTS _prisma_migrations (
      id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at DATETIME(3), migration_name VARCHAR(255) NOT NULL,
      logs TEXT, rolled_back_at DATETIME(3), started_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), applied_steps_count INTEGER UNSIGNED NOT NULL DEFAULT 0
    ) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`)
    const applied = (await db.query('SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL')).map((row) => row.migration_name)
    const names = (await readdir(migrations, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map((entry) => entry.name)
    for (const name of names.sort().filter((name) => !applied.includes(name))) {
      const sql = await readFile(new URL(`${name}/migration.sql`, migrations), 'utf8')
      await db.query(sql)
      await db.query(
        'INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count) VALUES (?, ?, ?, CURRENT_TIMESTAMP(3), 1)',
        [randomUUID(), createHash('sha256').update(sql).digest('hex'), name],
      )
    }
  })
}

/** Adds what is missing of the demo's users, conversations and old messages. */
export async function seed(url) {
  await withConnection(url, async (db) => {
    await db.batch('INSERT IGNORE INTO User (id, name, role) VALUES (?, ?, ?)', users)
    for (const { id, title, people } of conversations) {
      await db.query('INSERT IGNORE INTO Conversation (id, title) VALUES (?, ?)', [id, title])
      await db.batch('INSERT IGNORE INTO ConversationParticipant (conversationId, userId) VALUES (?, ?)', people.map((user) => [id, user]))
    }
    const rows = messages.map(([conversation, sender, content], i) => [`old-${i + 1}`, conversation, sender, content, messages.length - i])
    await db.batch(
      'INSERT IGNORE INTO DirectMessage (id, conversationId, senderId, content, createdAt) VALUES (?, ?, ?, ?, UTC_TIMESTAMP(3) - INTERVAL ? MINUTE)',
      rows,
    )
  })
}

async function withConnection(url, work) {
  const address = new URL(url.replace(/^mysql:/, 'mariadb:')) // the driver's word for it
  address.searchParams.set('multipleStatements', 'true')
  const db = await createConnection(address.href)
  try {
    await work(db)
  } finally {
    await db.end()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await (process.argv[2] === 'seed' ? seed : migrate)(process.env.DATABASE_URL)
}

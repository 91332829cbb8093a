// Where messages are kept.
import { createPool } from 'mysql2/promise'

/** Opens the database at url and makes the table; without a url nothing is stored. */
export async function openStore(url, connections) {
  if (!url) return new Nothing()
  const pool = createPool({ uri: url, connectionLimit: connections, maxIdle: connections, timezone: 'Z' })
  await pool.query(`CREATE TABLE IF NOT EXISTS DirectMessage (
    id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    conversationId VARCHAR(191) NULL,
    receiverId VARCHAR(191) NULL,
    senderId VARCHAR(191) NOT NULL,
    senderName VARCHAR(191) NOT NULL,
    content MEDIUMTEXT NOT NULL,
    type VARCHAR(191) NOT NULL,
    tempId VARCHAR(191) NULL,
    createdAt DATETIME(3) NOT NULL,
    readAt DATETIME(3) NULL,
    INDEX (conversationId, createdAt)
  ) CHARACTER SET utf8mb4`)
  return new MySQL(pool)
}

const INSERT = `INSERT INTO DirectMessage (conversationId, receiverId, senderId, senderName, content, type, tempId, createdAt)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

class MySQL {
  #pool

  constructor(pool) {
    this.#pool = pool
  }

  /** Returns the message's id once its row is committed. */
  async save(m) {
    const [result] = await this.#pool.execute(INSERT, [
      m.conversationId ?? null, m.receiverId ?? null, m.senderId, m.senderName, m.content, m.type, m.tempId ?? null, m.createdAt,
    ])
    return String(result.insertId)
  }

  /** Returns who wrote the message and where, if it was not read before. */
  async markRead(id, at) {
    const [result] = await this.#pool.execute('UPDATE DirectMessage SET readAt = ? WHERE id = ? AND readAt IS NULL', [at, id])
    if (result.affectedRows === 0) return undefined
    const [rows] = await this.#pool.execute('SELECT conversationId, senderId FROM DirectMessage WHERE id = ?', [id])
    return rows[0] && { conversationId: rows[0].conversationId ?? undefined, senderId: rows[0].senderId }
  }

  close() {
    return this.#pool.end()
  }
}

/** Hands out ids and forgets. */
class Nothing {
  #last = 0

  save() {
    return String(++this.#last)
  }

  markRead() {}

  close() {}
}

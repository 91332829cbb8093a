// A private MariaDB: its data in a temporary folder, a free port of 127.0.0.1.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import path from 'node:path'
import { find, freePort, Process, run } from './process.js'
import { eventually, final } from './waiting.js'

const USER = 'app'
const PASSWORD = 'secret'

/** A database server of a test's own. */
export class MariaDB {
  /**
   * Sets one up with an empty database, which `url` names, and returns when it
   * answers. `data` names a folder that outlives it: the next one with that
   * folder has what is in there.
   */
  static async start({ database = 'app', data } = {}) {
    const db = new MariaDB()
    db.folder = await mkdtemp(path.join(tmpdir(), 'corrillo-mariadb-'))
    db.socket = path.join(db.folder, 's')
    db.data = data ?? path.join(db.folder, 'data')
    db.database = database
    // A folder of its own: a server that starts removes what it takes for its leftovers, another's too.
    db.env = { ...process.env, TMPDIR: path.join(db.folder, 'tmp') }
    try {
      await mkdir(db.env.TMPDIR)
      db.port = await freePort()
      db.url = `mysql://${USER}:${PASSWORD}@127.0.0.1:${db.port}/${database}`
      await db.#begin()
    } catch (error) {
      await db.remove()
      throw error
    }
    return db
  }

  /** Sets the data up, unless an earlier one did so to the end, and starts on it. */
  async #begin() {
    const done = path.join(this.data, 'set-up')
    if (existsSync(done)) return this.again()
    await rm(this.data, { recursive: true, force: true })
    await run([
      find('mariadb-install-db'), '--no-defaults', `--datadir=${this.data}`, '--skip-test-db',
      '--auth-root-authentication-method=normal', `--user=${userInfo().username}`,
    ], { env: this.env })
    await this.again()
    await this.admin(`CREATE DATABASE \`${this.database}\` CHARACTER SET utf8mb4;
      CREATE USER '${USER}'@'%' IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON *.* TO '${USER}'@'%'`)
    await writeFile(done, '')
  }

  /** Starts it, again after kill or stop, on the same data and port. */
  async again() {
    const log = path.join(this.folder, 'error.log')
    this.process = new Process([
      find('mariadbd'), '--no-defaults', `--user=${userInfo().username}`, `--datadir=${this.data}`,
      `--socket=${this.socket}`, `--pid-file=${path.join(this.folder, 'pid')}`, `--log-error=${log}`,
      '--bind-address=127.0.0.1', `--port=${this.port}`, '--skip-name-resolve',
      // What was committed survives a kill of the process; nobody cuts the power of a test.
      '--innodb-flush-log-at-trx-commit=2', '--innodb-buffer-pool-size=64M', '--innodb-log-file-size=32M',
    ], { env: this.env })
    await eventually('MariaDB to answer', async () => {
      if (!this.process.running) throw final(`mariadbd ended:\n${this.process.output}${await readFile(log, 'utf8').catch(() => '')}`)
      await this.admin('SELECT 1')
      return true
    })
  }

  /** Runs statements as the administrator; rows as objects of strings, NULL as null. */
  admin(sql, database = '') {
    return this.#ask(['--user=root'], sql, database)
  }

  /** Runs statements in the database that `url` names; rows as objects of strings, NULL as null. */
  query(sql) {
    return this.#ask(['--user=root'], sql, this.database)
  }

  async #ask(account, sql, database) {
    const out = await run([
      find('mariadb'), '--no-defaults', ...account, `--socket=${this.socket}`, '--batch', '--default-character-set=utf8mb4',
      ...(database ? [database] : []),
    ], { input: sql })
    const [head, ...rows] = out.split('\n').filter((line) => line !== '').map((line) => line.split('\t').map(plain))
    return rows.map((row) => Object.fromEntries(row.map((value, i) => [head[i], value])))
  }

  /** Ends it as a power cut would. */
  async kill() {
    await this.process?.end('SIGKILL')
  }

  /** Ends it in order. */
  async stop() {
    await this.process?.end('SIGTERM')
  }

  /** Ends it and deletes its data, unless they are in a folder that `data` named. */
  async remove() {
    await this.kill()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** Undoes what the client's --batch does to a value. */
function plain(text) {
  if (text === 'NULL') return null
  return text.replace(/\\([ntr0\\])/g, (_, c) => ({ n: '\n', t: '\t', r: '\r', 0: '\0', '\\': '\\' })[c])
}

import type { IDBPDatabase } from 'idb'
import type { OutboxEntry } from './internal.js'

/** An entry as it is kept. order rises with each message, over all tabs. */
export interface KeptEntry extends OutboxEntry {
  readonly scope: string
  readonly order: number
}

/** Where entries are kept. Every call may fail; then `kind` is memory from there on. */
export interface Storage {
  kind(): 'opening' | 'indexeddb' | 'memory'
  /** The entries of this scope, in any order. Empty when there is no database. */
  all(): Promise<KeptEntry[]>
  put(entry: KeptEntry): void
  delete(tempId: string): void
}

const name = 'corrillo'

/**
 * Opens the browser's database. What cannot be kept there lives in memory:
 * private windows, a full disk, no IndexedDB at all. Calls take effect in
 * their order.
 */
export function openStorage(scope: string, kind: 'indexeddb' | 'memory', onChange: () => void): Storage {
  let now: 'opening' | 'indexeddb' | 'memory' = 'opening'
  const settle = (to: 'indexeddb' | 'memory') => {
    if (now === to || now === 'memory') return
    now = to
    onChange()
  }
  // Loaded when it is needed: a page shows before it has anything to keep.
  const open = async () => {
    // Where a page may store nothing, to look for it throws.
    if (kind === 'memory' || typeof indexedDB === 'undefined') throw new Error('no IndexedDB')
    return (await import('idb')).openDB(name, 1, {
      upgrade: (db) => void db.createObjectStore('outbox', { keyPath: ['scope', 'tempId'] }).createIndex('scope', 'scope'),
      blocking: (_old, _new, event) => (event.target as IDBDatabase).close(),
      terminated: () => settle('memory'),
    })
  }
  const database: Promise<IDBPDatabase | undefined> = open().then(
    (db) => (settle('indexeddb'), db),
    () => (settle('memory'), undefined),
  )
  const attempt = <T>(work: (db: IDBPDatabase) => Promise<T>, otherwise: T, always = false): Promise<T> =>
    database.then((db) => (db && (always || now === 'indexeddb') ? work(db) : otherwise)).catch(() => (settle('memory'), otherwise))
  return {
    kind: () => now,
    all: () => attempt((db) => db.getAllFromIndex('outbox', 'scope', scope) as Promise<KeptEntry[]>, []),
    put: (entry) => void attempt((db) => db.put('outbox', entry), undefined as unknown),
    // Also when nothing more can be kept: what is settled must not come back.
    delete: (tempId) => void attempt((db) => db.delete('outbox', [scope, tempId]), undefined as unknown, true),
  }
}

/** Forgets all unsent messages of this browser, of every user. For signing out on a shared machine. */
export const forgetAll = async (): Promise<void> => (await import('idb')).deleteDB(name)

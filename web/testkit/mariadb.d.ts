/** A database server of a test's own. */
export class MariaDB {
  /** `data` names a folder for its data that outlives it. */
  static start(options?: { database?: string; data?: string }): Promise<MariaDB>
  readonly url: string
  readonly port: number
  readonly socket: string
  again(): Promise<void>
  admin(sql: string, database?: string): Promise<Record<string, string | null>[]>
  query(sql: string): Promise<Record<string, string | null>[]>
  kill(): Promise<void>
  stop(): Promise<void>
  remove(): Promise<void>
}

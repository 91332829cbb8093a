/** The path of the server's binary: CORRILLO_BINARY, or built once for this process. */
export function binary(): Promise<string>
/** Builds the server into a folder, a temporary one by default. */
export function build(folder?: string): Promise<string>

export interface ServerOptions {
  /** More flags of `corrillo serve`; later ones win. */
  args?: string[]
  env?: Record<string, string>
  /** mysql://... ; SQLite when absent. */
  database?: string
  /** false leaves out --dev. */
  dev?: boolean
  port?: number
  /** Another than `binary` gives. */
  binary?: string
}

/** A running server on free ports of 127.0.0.1 with a folder of its own. */
export class Server {
  static start(options?: ServerOptions): Promise<Server>
  static prepare(options?: ServerOptions): Promise<Server>
  readonly url: string
  readonly adminUrl: string
  readonly port: number
  readonly folder: string
  readonly output: string
  again(): Promise<void>
  kill(): Promise<void>
  stop(): Promise<number | string | undefined>
  remove(): Promise<void>
  metric(name: string, labels?: Record<string, string>): Promise<number>
  connections(): Promise<number>
  opened(): Promise<number>
  webhook(endpoint: string, body: unknown, secret?: string): Promise<{ status: number; body: any }>
}

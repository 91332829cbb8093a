/** A TCP proxy on a port of 127.0.0.1 of its own. */
export class Proxy {
  static start(target: number): Promise<Proxy>
  readonly port: number
  readonly url: string
  /** Resets every connection, and each new one until `mend`. */
  cut(): void
  mend(): void
  /** Lets nothing through on the WebSockets that are there and tells neither side. */
  freeze(): void
  /** As freeze, for what the server says alone. */
  deafen(): void
  close(): Promise<void>
}

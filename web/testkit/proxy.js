// A wire between a browser and a server that a test can cut.
import net from 'node:net'

/** A TCP proxy on a port of 127.0.0.1 of its own. */
export class Proxy {
  /** @param {number} target port of 127.0.0.1 that connections are led to */
  static async start(target) {
    const proxy = new Proxy()
    proxy.target = target
    proxy.cuts = false
    proxy.pairs = new Set()
    proxy.listener = net.createServer({ pauseOnConnect: false }, (client) => proxy.#lead(client))
    await new Promise((resolve) => proxy.listener.listen(0, '127.0.0.1', resolve))
    proxy.port = proxy.listener.address().port
    proxy.url = `http://127.0.0.1:${proxy.port}`
    return proxy
  }

  #lead(client) {
    if (this.cuts) return void client.resetAndDestroy()
    const server = net.connect(this.target, '127.0.0.1')
    const pair = [client, server]
    this.pairs.add(pair)
    client.on('data', (bytes) => {
      if (/^GET [^\n]*\r\n(?:.*\r\n)*?upgrade: *websocket/i.test(bytes.toString('latin1', 0, 2000))) pair.upgraded = true
    })
    for (const [one, other] of [pair, [server, client]]) {
      one.setNoDelay(true)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        other.destroy()
        this.pairs.delete(pair)
      })
      one.pipe(other)
    }
  }

  /** Resets every connection, and each new one until `mend`. */
  cut() {
    this.cuts = true
    for (const pair of this.pairs) for (const end of pair) end.resetAndDestroy()
  }

  mend() {
    this.cuts = false
  }

  /**
   * Lets nothing through on the WebSockets that are there and tells neither
   * side, as a lost route does. Other connections, and new ones, work: a
   * browser would wait for ever for a page on one of those.
   */
  freeze() {
    for (const pair of this.#webSockets()) for (const end of pair) end.unpipe().pause()
  }

  /** As freeze, for what the server says alone: it hears the client, and the client never learns of it. */
  deafen() {
    for (const [, server] of this.#webSockets()) server.unpipe().resume()
  }

  #webSockets() {
    return [...this.pairs].filter((pair) => pair.upgraded)
  }

  async close() {
    this.cut()
    await new Promise((resolve) => this.listener.close(resolve))
  }
}

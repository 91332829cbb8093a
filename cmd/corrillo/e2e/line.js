// A Line is a TCP relay between client and server that a test can cut, so
// that connections die the way they do in the field: without a close packet.
import net from 'node:net'

export class Line {
  static async to(port) {
    const line = new Line(port)
    await new Promise((resolve, reject) => {
      line.server.once('error', reject)
      line.server.listen(0, '127.0.0.1', resolve)
    })
    return line
  }

  constructor(port) {
    this.up = true
    this.pairs = new Set()
    this.left = new Set() // server sides whose client has silently gone
    this.server = net.createServer((near) => {
      if (!this.up) return near.destroy()
      const far = net.connect(port, '127.0.0.1')
      const pair = { near, far }
      this.pairs.add(pair)
      near.setNoDelay(true)
      far.setNoDelay(true)
      near.on('data', (chunk) => far.write(chunk))
      far.on('data', (chunk) => { if (!near.destroyed) near.write(chunk) })
      const drop = () => {
        this.pairs.delete(pair)
        near.destroy()
        if (!this.left.has(far)) far.destroy()
      }
      for (const side of [near, far]) {
        side.on('error', drop)
        side.on('close', drop)
      }
    })
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}`
  }

  // cut breaks every connection and refuses new ones until mend.
  cut() {
    this.up = false
    for (const { near } of [...this.pairs]) near.destroy()
  }

  // abandon breaks every connection on the client's side only: the server
  // keeps its half and does not know yet. New ones are refused until mend.
  abandon() {
    this.up = false
    for (const { near, far } of [...this.pairs]) {
      this.left.add(far)
      near.destroy()
    }
  }

  mend() {
    this.up = true
  }

  close() {
    this.cut()
    for (const far of this.left) far.destroy()
    this.server.close()
  }
}

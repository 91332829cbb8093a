/** Signal lets somebody wait until something holds, and wakes at each change. */
export class Signal {
  #waiting = new Set()

  /** fire says that something has changed. */
  fire() {
    for (const look of this.#waiting) look()
  }

  /** until resolves to true once holds() does, or to false after ms. */
  until(holds, ms) {
    if (holds()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const end = (held) => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve(held)
      }
      const look = () => { if (holds()) end(true) }
      const timer = setTimeout(() => end(holds()), ms)
      this.#waiting.add(look)
    })
  }
}

/** after resolves in ms. */
export const after = (ms) => new Promise((resolve) => { setTimeout(resolve, Math.max(0, ms)) })

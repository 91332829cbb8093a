// Connection speaks the plain dialect of /ws: {event, data, id} out,
// {ack, data} or {event, data} in. It reconnects by itself; requests that had
// no answer when the socket went are rejected with `lost`.

const firstPause = 500;
const longestPause = 10000;
const patience = 15000;

export class Lost extends Error {}

export class Refused extends Error {
  constructor({ code, message, retryable }) {
    super(`${code}: ${message}`);
    this.code = code;
    this.retryable = retryable;
  }
}

export class Connection {
  #socket = null;
  #waiting = new Map();
  #nextId = 1;
  #pause = firstPause;
  #handlers;

  // handlers: {up(), down(), event(name, data)}; up runs on every connect and
  // may throw Refused to give up for good.
  constructor(url, handlers) {
    this.url = url;
    this.#handlers = handlers;
    this.#open();
  }

  request(event, data) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        reject(new Lost("not connected"));
        return;
      }
      const id = this.#nextId++;
      const timer = setTimeout(() => this.#settle(id, (w) => w.reject(new Lost("no answer"))), patience);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ event, data, id }));
    });
  }

  notify(event, data) {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ event, data }));
    }
  }

  #open() {
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.addEventListener("open", async () => {
      try {
        await this.#handlers.up();
        this.#pause = firstPause;
      } catch (err) {
        if (err instanceof Refused && !err.retryable) {
          this.#socket = null;
        }
        socket.close();
      }
    });
    socket.addEventListener("message", ({ data }) => this.#receive(JSON.parse(data)));
    socket.addEventListener("close", () => {
      for (const id of [...this.#waiting.keys()]) {
        this.#settle(id, (w) => w.reject(new Lost("connection lost")));
      }
      if (this.#socket !== socket) return;
      this.#handlers.down();
      const jitter = 0.5 + Math.random();
      setTimeout(() => this.#open(), this.#pause * jitter);
      this.#pause = Math.min(this.#pause * 2, longestPause);
    });
  }

  #receive(frame) {
    if (frame.event !== undefined) {
      this.#handlers.event(frame.event, frame.data);
      return;
    }
    const { data } = frame;
    this.#settle(frame.ack, (w) => {
      if (data?.error && (data.status === "error" || data.status === "failed")) {
        w.reject(new Refused(data.error));
      } else {
        w.resolve(data);
      }
    });
  }

  #settle(id, how) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    how(waiting);
  }
}

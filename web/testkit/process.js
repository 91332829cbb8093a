// Child processes of a test: their output is kept, and they end with the test.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'

/** What an error message shows of a process's output, in characters. */
const KEPT = 8000

/** Linux ends the child when we die, however we die. Elsewhere our orderly exit has to do. */
const DIE_WITH_US = process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'KILL', '--'] : []

const running = new Set()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A program that runs until it ends or is ended. */
export class Process {
  /**
   * @param {string[]} command the program and its arguments
   * @param {{cwd?: string, env?: NodeJS.ProcessEnv}} [options]
   */
  constructor(command, options = {}) {
    const [program, ...args] = [...DIE_WITH_US, ...command]
    /** The last of what it wrote, both streams together. */
    this.output = ''
    this.name = path.basename(command[0])
    this.child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    this.running = true
    running.add(this.child)
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text) => { this.output = (this.output + text).slice(-KEPT) })
    }
    /** Resolves with the exit code, or the name of the signal that ended it. */
    this.ended = new Promise((resolve) => {
      const end = (how) => {
        this.running = false
        running.delete(this.child)
        resolve(how)
      }
      this.child.once('exit', (code, signal) => end(code ?? signal))
      this.child.once('error', (error) => {
        this.output += error
        end(error.code)
      })
    })
  }

  /** Sends a signal, and resolves with the exit code when the process is gone. */
  end(signal = 'SIGTERM') {
    if (this.running) this.child.kill(signal)
    return this.ended
  }
}

/** Runs a program to its end and returns its standard output. */
export async function run(command, { input, ...options } = {}) {
  const child = spawn(command[0], command.slice(1), { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text) => { out += text })
  child.stderr.setEncoding('utf8').on('data', (text) => { err += text })
  child.stdin.on('error', () => {}) // It may end without having read.
  child.stdin.end(input)
  const [code, signal] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command.join(' ')} (${code ?? signal}):\n${(err + out).slice(-KEPT)}`)
  return out
}

/** Where a program is, also when only root's PATH has its folder. */
export function find(name) {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/go/bin']
  for (const folder of folders) {
    const file = path.join(folder, name)
    try {
      accessSync(file)
      return file
    } catch {
      // Not here.
    }
  }
  throw new Error(`${name} is not on this machine: \`make deps\` installs what tests need`)
}

/**
 * A port of 127.0.0.1 that is free now. It is none of those that the system
 * gives to outgoing connections, as one of these may take it before we do.
 */
export async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    const probe = net.createServer()
    const free = await new Promise((resolve) => {
      probe.once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!free) continue
    await new Promise((resolve) => probe.close(resolve))
    return port
  }
}

// What somebody has who cloned the repository and has Go.
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { find, run } from '../../testkit/process.js'
import { becomes, Server, stage } from '../people.js'

const scene = stage()

test('Go alone makes the server with its page, and a first message goes', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'corrillo-alone-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const go = find('go')
  await symlink(go, path.join(folder, 'go'))
  const repository = path.resolve(import.meta.dirname, '../../..')
  const caches = JSON.parse(await run([go, 'env', '-json', 'GOCACHE', 'GOMODCACHE', 'GOPROXY', 'GOFLAGS'], { cwd: repository }))
  const env = { ...caches, HOME: folder, PATH: folder } // no Node, no C compiler, no make
  const file = path.join(folder, 'corrillo')
  await run([path.join(folder, 'go'), 'build', '-o', file, './cmd/corrillo'], { cwd: repository, env })

  const server = scene.keep(await Server.prepare({ binary: file }))
  server.env = { HOME: server.folder }
  await server.again()
  const ann = await scene.person(server, 'ann')
  await ann.write('hello')
  await becomes('the mark', ['sent'], () => ann.marks())
})

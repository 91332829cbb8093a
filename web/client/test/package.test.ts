import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

// What `npm run build` made, as an app gets it.
const folder = fileURLToPath(new URL('../', import.meta.url))
const run = promisify(execFile)

it('marks the React entry as one for the client', async () => {
  const code = await readFile(path.join(folder, 'dist/react.js'), 'utf8')
  expect(code.split('\n')[0]).toMatch(/^['"]use client['"];?$/)
})

it('can be imported where there is no window, and ends', async () => {
  const script = `
    const [{ createChat }, { useSocket }] = await Promise.all([import('@corrillo/client'), import('@corrillo/client/react')])
    createChat({ userId: 'ann' })
    console.log(typeof useSocket)
  `
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: folder })
  expect(stdout.trim()).toBe('function')
})

it('has examples that compile', async () => {
  const readme = await readFile(path.join(folder, 'README.md'), 'utf8')
  const examples = [...readme.matchAll(/^```(tsx?)\n([^]*?)^```/gm)]
  expect(examples.length).toBeGreaterThan(2)
  const modules = path.join(folder, 'node_modules')
  await mkdir(modules, { recursive: true })
  const scratch = await mkdtemp(path.join(modules, '.readme-'))
  try {
    const files = await Promise.all(examples.map(async ([, ext, code], i) => {
      const file = path.join(scratch, `example${i}.${ext}`)
      await writeFile(file, code!)
      return file
    }))
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--jsx', 'react-jsx', '--types', 'react', '--skipLibCheck']
    const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
    const result = await run(process.execPath, [tsc, ...flags, ...files]).catch((err: { stdout: string }) => err)
    expect(result.stdout).toBe('')
  } finally {
    await rm(scratch, { recursive: true })
  }
}, 180_000)

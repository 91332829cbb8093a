// How much a page has to load for each entry, besides its peers: bundled and
// minified as an app does it, with everything that it imports. What is
// imported on demand is counted apart.
import { rolldown } from 'rolldown'
import { gzipSync } from 'node:zlib'

const most = 8 * 1024
const peers = ['react', 'react/jsx-runtime', 'socket.io-client']

async function measure(entry) {
  const bundle = await rolldown({ input: new URL(`../dist/${entry}.js`, import.meta.url).pathname, external: peers, platform: 'browser', logLevel: 'silent' })
  const { output } = await bundle.generate({ format: 'es', minify: true })
  const chunks = new Map(output.map((chunk) => [chunk.fileName, chunk]))
  const needed = new Set()
  const need = (name) => {
    const chunk = chunks.get(name)
    if (!chunk || needed.has(name)) return
    needed.add(name)
    chunk.imports.forEach(need)
  }
  output.filter((chunk) => chunk.isEntry).forEach((chunk) => need(chunk.fileName))
  const size = (some) => gzipSync(some.map((chunk) => chunk.code.replaceAll('/* @__PURE__ */', '')).join(''), { level: 9 }).length
  return {
    atOnce: size(output.filter((chunk) => needed.has(chunk.fileName))),
    onDemand: size(output.filter((chunk) => !needed.has(chunk.fileName))),
    code: output.map((chunk) => chunk.code).join(''),
  }
}

const react = await measure('react')
const index = await measure('index')
for (const [name, entry] of [['@corrillo/client/react', react], ['@corrillo/client', index]]) {
  console.log(`${name}: ${entry.atOnce} bytes, and ${entry.onDemand} on demand (gzip, without peers)`)
}
if (react.atOnce >= most) throw new Error(`the React entry is ${react.atOnce - most + 1} bytes too large`)
if (/from\s*["']react/.test(index.code)) throw new Error('the entry without a framework asks for React')

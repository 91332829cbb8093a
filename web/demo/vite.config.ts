import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

/** Where `npm run dev` finds a running server. */
const SERVER = process.env.CORRILLO_URL ?? 'http://127.0.0.1:3001'

/** Says in the built page where it comes from. */
function generatedNote(): Plugin {
  return {
    name: 'generated-note',
    transformIndexHtml: (html) => html.replace(/^<!doctype html>/i, '$&\n<!-- generated from web/demo: make page -->'),
  }
}

// What is built is committed and embedded in the server. It depends on the
// sources and the lockfile alone: no time, no path, no name of a machine.
export default defineConfig({
  base: './',
  plugins: [react(), generatedNote()],
  build: {
    target: ['chrome109', 'edge109', 'firefox115', 'safari16.4'],
    // The page's policy lets nothing in from data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: 'licenses.md' },
  },
  server: {
    proxy: {
      '/socket.io': { target: SERVER, ws: true },
      '/settings.json': SERVER,
    },
  },
})

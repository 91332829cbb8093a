import { defineConfig } from 'vite'

// Two entries that share their chunks: an app that uses both has one registry
// of connections, not two.
export default defineConfig({
  build: {
    target: 'es2022',
    minify: false,
    sourcemap: true,
    lib: { entry: { index: 'src/index.ts', react: 'src/react.ts' }, formats: ['es'] },
    rolldownOptions: {
      external: ['react', 'react/jsx-runtime', 'socket.io-client', 'idb'],
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: 'chunks/[name].js',
        // Bundling drops the directive; frameworks look for it in the file that they load.
        banner: (chunk) => (chunk.name === 'react' ? "'use client'" : ''),
      },
    },
  },
})

import path from 'node:path'
import type { NextConfig } from 'next'

const config: NextConfig = {
  reactStrictMode: true,
  // Two dev servers cannot share a folder: tests that run beside `make nextjs` name their own.
  distDir: process.env.NEXT_DIST_DIR || '.next',
  // Or else each such folder would be written into tsconfig.json.
  experimental: { strictRouteTypes: true },
  devIndicators: false,
  poweredByHeader: false,
  agentRules: false,
  // The npm workspace, where the lockfile and node_modules are.
  turbopack: { root: path.join(import.meta.dirname, '..') },
  async headers() {
    return [
      {
        source: '/:path*',
        headers: [
          // A page that cannot be framed cannot be clicked through.
          { key: 'Content-Security-Policy', value: "frame-ancestors 'none'; base-uri 'self'; form-action 'self'" },
          { key: 'X-Content-Type-Options', value: 'nosniff' },
          { key: 'Referrer-Policy', value: 'same-origin' },
        ],
      },
    ]
  },
}

export default config

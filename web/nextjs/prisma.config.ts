import { defineConfig } from 'prisma/config'

// `npm run generate` points PRISMA_SCHEMA_ENGINE_BINARY at Node itself: Prisma
// wants the engine of its migrations to exist and never runs it to generate.
// With the real one, which Prisma downloads from binaries.prisma.sh, `npx
// prisma migrate deploy` does what scripts/database.js does.
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations', seed: 'node scripts/database.js seed' },
  datasource: { url: process.env.DATABASE_URL ?? '' },
})

import 'server-only'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaClient } from '@/generated/prisma/client'
import { setting } from './settings'

// A dev server loads this module again with each change: the client, and its
// pool of connections, must be the same one.
const kept = globalThis as { prisma?: PrismaClient }

/** The app's database. It connects with the first query, so that a build needs none. */
export function database(): PrismaClient {
  return (kept.prisma ??= new PrismaClient({ adapter: new PrismaMariaDb(setting('DATABASE_URL')) }))
}

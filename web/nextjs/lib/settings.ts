import 'server-only'

type Name = 'DATABASE_URL' | 'SESSION_SECRET' | 'JWT_SECRET' | 'WEBHOOK_SECRET' | 'CORRILLO_PUBLIC_URL' | 'CORRILLO_URL'

/** A setting of .env. Read when it is used: a build has none of them. */
export function setting(name: Name): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: see .env.example`)
  return value
}

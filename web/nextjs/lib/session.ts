import 'server-only'
import { jwtVerify, SignJWT } from 'jose'
import { cookies } from 'next/headers'
import { redirect } from 'next/navigation'
import { cache } from 'react'
import type { User } from '@/generated/prisma/client'
import { database } from './prisma'
import { setting } from './settings'

const COOKIE = 'session'
const HOURS = 8

const key = () => new TextEncoder().encode(setting('SESSION_SECRET'))

/** Signs a user in: the cookie says who it is, and no script can read it. */
export async function openSession(userId: string) {
  const value = await new SignJWT()
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime(`${HOURS}h`)
    .sign(key())
  const secure = process.env.NODE_ENV === 'production'
  const jar = await cookies()
  jar.set(COOKIE, value, { httpOnly: true, sameSite: 'lax', secure, path: '/', maxAge: HOURS * 3600 })
}

export async function closeSession() {
  const jar = await cookies()
  jar.delete(COOKIE)
}

/** Who is signed in, with the role of this moment. Asked once for each request. */
export const currentUser = cache(async (): Promise<User | null> => {
  const jar = await cookies()
  const value = jar.get(COOKIE)?.value
  if (!value) return null
  const userId = await jwtVerify(value, key(), { algorithms: ['HS256'] }).then(
    ({ payload }) => payload.sub,
    () => undefined, // Expired, or not ours.
  )
  return userId ? database().user.findUnique({ where: { id: userId } }) : null
})

/** For pages: who is not signed in goes to the sign-in page. */
export async function requireUser(): Promise<User> {
  return (await currentUser()) ?? redirect('/')
}

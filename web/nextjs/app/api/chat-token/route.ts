import { SignJWT } from 'jose'
import { foreign, sameOrigin } from '@/lib/same-origin'
import { currentUser } from '@/lib/session'
import { setting } from '@/lib/settings'

/** A token for Corrillo that says who is signed in. The hook asks for the next one before it expires. */
export async function POST(request: Request) {
  if (!sameOrigin(request)) return foreign()
  const user = await currentUser()
  if (!user) return Response.json({ error: 'sign in first' }, { status: 401 })
  const token = await new SignJWT({ name: user.name })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user.id)
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(new TextEncoder().encode(setting('JWT_SECRET')))
  return Response.json({ token }, { headers: { 'Cache-Control': 'no-store' } })
}

import { database } from '@/lib/prisma'
import { foreign, sameOrigin } from '@/lib/same-origin'
import { closeSession, openSession } from '@/lib/session'

/**
 * Signs in as the demo user that the form names, or out when it names none. A
 * plain form posts here, so that a change of user loads the whole page anew.
 */
export async function POST(request: Request) {
  if (!sameOrigin(request)) return foreign()
  const form = await request.formData()
  const id = form.get('user')
  if (typeof id !== 'string') {
    await closeSession()
    return seeOther('/')
  }
  const user = await database().user.findUnique({ where: { id, role: { not: 'SYSTEM' } } })
  if (!user) return Response.json({ error: 'no such user' }, { status: 403 })
  await openSession(user.id)
  return seeOther('/chat')
}

const seeOther = (path: string) => new Response(null, { status: 303, headers: { Location: path } })

import { redirect } from 'next/navigation'
import { readPlaces } from '@/lib/places'
import { requireUser } from '@/lib/session'

/** Leads to the first place. */
export default async function ChatPage() {
  const user = await requireUser()
  const [first] = await readPlaces(user.id)
  if (!first) return <p>You are in no conversation yet.</p>
  redirect(`/chat/${first.slug}`)
}

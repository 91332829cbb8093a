import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { readHistory } from '@/lib/history'
import { readPlaces } from '@/lib/places'
import { requireUser } from '@/lib/session'
import { Conversation } from './conversation'

interface Props {
  params: Promise<{ conversation: string }>
}

/** The place in the address, if the user may be there. */
async function findPlace({ params }: Props) {
  const user = await requireUser()
  const { conversation } = await params
  const slug = decodeURIComponent(conversation)
  const place = (await readPlaces(user.id)).find((place) => place.slug === slug)
  return { user, place: place ?? notFound() }
}

export async function generateMetadata(props: Props): Promise<Metadata> {
  const { place } = await findPlace(props)
  return { title: place.title }
}

/** History comes with the page, from MySQL; what is new comes over the socket. */
export default async function ConversationPage(props: Props) {
  const { user, place } = await findPlace(props)
  const history = await readHistory(user.id, place.target)
  return <Conversation key={place.slug} me={user.id} place={place} history={history} />
}

'use server'

import { revalidatePath } from 'next/cache'
import { notFound } from 'next/navigation'
import { webhook } from '@/lib/corrillo'
import { requireUser } from '@/lib/session'

/**
 * Deletes a message for everybody: Corrillo does it in its own table and in
 * DirectMessage, and tells every browser. An action can be called without its
 * page, so the role is asked again.
 */
export async function deleteMessage(form: FormData) {
  const user = await requireUser()
  if (user.role !== 'MODERATOR') notFound()
  await webhook('message-deleted', { messageId: String(form.get('messageId')) })
  revalidatePath('/moderation')
}

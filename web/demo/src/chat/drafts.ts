/** What is written and not sent, by user and conversation: in this tab, over reloads. */
const KEY = 'corrillo.draft '

/** The text that was begun there, or ''. */
export function readDraft(userId: string, key: string): string {
  try {
    return sessionStorage.getItem(KEY + JSON.stringify([userId, key])) ?? ''
  } catch {
    return ''
  }
}

/** Keeps a text; '' forgets it. */
export function keepDraft(userId: string, key: string, text: string): void {
  try {
    const name = KEY + JSON.stringify([userId, key])
    if (text) sessionStorage.setItem(name, text)
    else sessionStorage.removeItem(name)
  } catch {
    // A browser that keeps nothing has it as long as the conversation is open.
  }
}

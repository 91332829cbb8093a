/** How long somebody types without saying so again: the server's own bound. */
const EXPIRES = 6_000
/** Own typing is repeated this often at most, and ends this long after the last key. */
const REPEAT = 2_500
const PAUSE = 4_000

/** Who types in a conversation, and what is told about this user. */
export function createTyping(tell: (isTyping: boolean) => void, changed: () => void) {
  const timers = new Map<string, ReturnType<typeof setTimeout>>()
  let list: readonly { userId: string; username: string }[] = []
  let told = -Infinity
  let pause: ReturnType<typeof setTimeout> | undefined

  function see(userId: string, username: string, isTyping: boolean) {
    clearTimeout(timers.get(userId))
    timers.delete(userId)
    const shown = list.some((who) => who.userId === userId)
    if (isTyping) timers.set(userId, setTimeout(see, EXPIRES, userId, username, false))
    if (isTyping === shown) return
    list = isTyping ? [...list, { userId, username }] : list.filter((who) => who.userId !== userId)
    changed()
  }

  function own(isTyping = true) {
    clearTimeout(pause)
    if (isTyping) {
      pause = setTimeout(own, PAUSE, false)
      if (Date.now() - told < REPEAT) return
      told = Date.now()
      tell(true)
    } else if (told > 0) {
      told = -Infinity
      tell(false)
    }
  }

  return {
    get list() {
      return list
    },
    see,
    /** Call it at each key. */
    own,
    /** Nothing is known any more. */
    clear() {
      clearTimeout(pause)
      told = -Infinity
      for (const { userId } of list) see(userId, '', false)
    },
  }
}

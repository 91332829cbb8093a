// Names of users and rooms. Each machine that makes load says -e INSTANCE, and
// its names are its own unless they are shared on purpose by -e SHARE=rooms,
// users or rooms,users; then -e RUN must be the same everywhere.

/** names of a run: user(i), room(i) and tempId(i, stamp, n), with i counted from 0 on each machine. */
export function names({ RUN, INSTANCE, SHARE }) {
  const shared = new Set(SHARE.split(',').filter(Boolean))
  for (const what of shared) {
    if (what !== 'rooms' && what !== 'users') throw new Error(`SHARE: ${what} is neither rooms nor users`)
  }
  if (shared.size > 0 && !RUN) throw new Error('SHARE needs RUN, the same word on every machine')
  const own = (what) => (shared.has(what) ? '' : `${INSTANCE}-`)
  return {
    user: (run, i) => `${run}-${own('users')}u${i}`,
    room: (run, i) => `${run}-${own('rooms')}r${i}`,
    // Its own also where two machines are the same user in the same room, and when a RUN comes again.
    tempId: (i, stamp, n) => `${INSTANCE}-${stamp}-${i}-${n}`,
  }
}

/** Changes remembered that came before those in front of them. Beyond, the gap is asked for in any case. */
const EARLY = 500

/**
 * How far the edits and deletions of a conversation have come, which `rev`
 * counts: up to `last` none is missing. One that comes behind a gap need not
 * wait for those in front of it, since it says all of its message.
 */
export function createChanges() {
  let last = 0
  let goal = 0
  const early = new Set<number>()

  return {
    get last() {
      return last
    },
    /** Changes in front of a later one have not come. */
    get behind() {
      return last < goal
    },
    /** A live change. */
    receive(rev: number) {
      goal = Math.max(goal, rev)
      if (rev > last && early.size < EARLY) early.add(rev)
      while (early.delete(last + 1)) last++
    },
    /** An answer has brought all up to `rev`, and there is more of it. */
    take(rev: number) {
      last = Math.max(last, rev)
      goal = Math.max(goal, last)
    },
    /** The server has no more than those up to `rev`, whatever was heard of: `rev` may skip numbers. */
    restart(rev: number) {
      last = goal = rev
      early.clear()
    },
  }
}

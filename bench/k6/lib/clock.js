// Milliseconds since 1970 with a fraction. Date.now() of k6 has none; the
// duration of the run has one, and the turn of a millisecond ties the two.

import exec from 'k6/execution'

let offset

function tie() {
  const begin = Date.now()
  let turned
  do turned = Date.now(); while (turned === begin)
  return turned - exec.instance.currentTestRunDuration
}

/** now is the time on the clock that the sockets' events bear. */
export function now() {
  offset ??= tie()
  return offset + exec.instance.currentTestRunDuration
}

/** tally is a report that counts into an object: for the tests of the checks. */
export function tally() {
  const counts = {}
  const report = new Proxy({}, {
    get: (_, name) => (n) => { counts[name] = (counts[name] ?? 0) + (/Latency|Time/.test(name) ? 1 : n) },
  })
  return { report, counts }
}

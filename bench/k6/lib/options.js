// What the scripts have in common of k6's options. Pure.

/** promises are thresholds that hold in every run: one lost or doubled message fails it. */
export const promises = {
  lost_acks: ['count==0'],
  lost_deliveries: ['count==0'],
  duplicates: ['count==0'],
  seq_gaps: ['count==0'],
  disorder: ['count==0'],
  refused: ['count==0'],
  connect_failures: ['count==0'],
}

/** steady is for a run in which no connection may be lost either. */
export const steady = { ...promises, disconnects: ['count==0'] }

/** crowdScenario plays n members, perVu in each VU, for about ms. */
export function crowdScenario(n, perVu, ms, more = {}) {
  return {
    executor: 'per-vu-iterations', vus: Math.ceil(n / perVu), iterations: 1,
    maxDuration: `${Math.ceil(ms / 1000) + 120}s`, gracefulStop: '5s', ...more,
  }
}

/**
 * options of a script. Who was cut off says nothing, so every client has to
 * come to its end: a run that did nothing must not look like a good one.
 */
export function options(scenarios, clients, thresholds) {
  return {
    scenarios,
    thresholds: { ...thresholds, clients_finished: [`count==${clients}`] },
    summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max', 'count'],
    systemTags: ['scenario'], // tags cost memory and time for each sample
    setupTimeout: '30s',
  }
}

/** connecting is how long n clients take to connect, in ms, and the rest that they get. */
export const connecting = (n, rate) => (1000 * n) / rate + 2000

// A short table instead of k6's long one. Pure: handleSummary's data in, text out.

const trends = [
  ['ready_time', 'connect, identify, join'],
  ['back_time', 'back after a loss'],
  ['ack_latency', 'ack'],
  ['delivery_latency', 'delivery'],
  ['webhook_latency', 'webhook'],
]

const faults = [
  'lost_acks', 'lost_deliveries', 'duplicates', 'seq_gaps', 'disorder', 'refused', 'connect_failures', 'disconnects', 'retries',
  'webhook_failures',
]

const ms = (v) => (v === undefined ? '-' : v < 10 ? v.toFixed(2) : v.toFixed(0)).padStart(9)
const count = (metrics, name) => metrics[name]?.values.count ?? 0

/** broken lists the thresholds that failed, as 'metric: condition (value)'. */
export function broken({ metrics }) {
  const out = []
  for (const [name, { thresholds, values }] of Object.entries(metrics)) {
    for (const [condition, { ok }] of Object.entries(thresholds ?? {})) {
      if (!ok) out.push(`${name}: ${condition}${values.count === undefined ? '' : ` (${values.count})`}`)
    }
  }
  return out
}

/** table of a run; seconds is how long messages were sent, when they were. */
export function table(title, data, { seconds = 0, gauges = [] } = {}) {
  const { metrics } = data
  const lines = ['', title]
  const rate = (name) => (seconds > 0 ? `${Math.round(count(metrics, name) / seconds)}/s` : '')
  lines.push(`  clients finished  ${count(metrics, 'clients_finished')}`)
  for (const name of ['acks', 'deliveries']) lines.push(`  ${name.padEnd(17)} ${count(metrics, name)} ${rate(name)}`.trimEnd())
  for (const [name, label] of gauges) {
    const value = metrics[name]?.values.value
    if (value !== undefined) lines.push(`  ${label.padEnd(17)} ${value.toFixed(2)}`)
  }
  lines.push('', `  ${'ms'.padEnd(25)}${['p50', 'p95', 'p99', 'max'].map((h) => h.padStart(9)).join('')}`)
  for (const [name, label] of trends) {
    const v = metrics[name]?.values
    if (v) lines.push(`  ${label.padEnd(25)}${[v.med, v['p(95)'], v['p(99)'], v.max].map(ms).join('')}`)
  }
  const found = faults.filter((name) => count(metrics, name) > 0)
  lines.push('', `  ${found.length ? found.map((name) => `${name} ${count(metrics, name)}`).join(', ') : 'nothing lost, doubled or refused'}`)
  const failed = broken(data)
  lines.push(failed.length ? `  FAILED: ${failed.join('; ')}` : '  every threshold holds', '')
  return lines.join('\n')
}

/** output is what handleSummary returns: the table, and all figures in a file when JSON names one. */
export function output(text, data, { JSON: file }) {
  const out = { stdout: text }
  if (file) out[file] = JSON.stringify(data, null, 2)
  return out
}

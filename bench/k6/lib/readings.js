// What the server says about its memory, in Prometheus' text. Pure.

/** reading is the connections and the RSS of a page of metrics. */
export function reading(text) {
  let connections = 0
  let rssKB = 0
  for (const line of text.split('\n')) {
    const value = Number(line.slice(line.lastIndexOf(' ') + 1))
    if (/^corrillo_connections[{ ]/.test(line)) connections += value
    else if (line.startsWith('process_resident_memory_bytes ')) rssKB = value / 1024
  }
  if (!rssKB) throw new Error('METRICS: no process_resident_memory_bytes there')
  return { connections, rssKB }
}

/** slope is the KB that each connection adds: least squares over the readings. */
export function slope(readings) {
  const mean = (f) => readings.reduce((sum, r) => sum + f(r), 0) / readings.length
  const x = mean((r) => r.connections)
  const y = mean((r) => r.rssKB)
  const over = readings.reduce((sum, r) => sum + (r.connections - x) * (r.rssKB - y), 0)
  return over / readings.reduce((sum, r) => sum + (r.connections - x) ** 2, 0)
}

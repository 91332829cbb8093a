// The report of checks.js as metrics of k6. Counts are kept here and handed on
// by flush: k6 takes as long for one sample as for the rest of a delivery.

import { Counter, Trend } from 'k6/metrics'

const counters = {
  sent: new Counter('sent'),
  acks: new Counter('acks'),
  deliveries: new Counter('deliveries'),
  lostAcks: new Counter('lost_acks'),
  lostDeliveries: new Counter('lost_deliveries'),
  duplicates: new Counter('duplicates'),
  gaps: new Counter('seq_gaps'),
  disorder: new Counter('disorder'),
  refused: new Counter('refused'),
  retries: new Counter('retries'),
  disconnects: new Counter('disconnects'),
  connectFailures: new Counter('connect_failures'),
  finished: new Counter('clients_finished'),
}

const trends = {
  ackLatency: new Trend('ack_latency', true),
  deliveryLatency: new Trend('delivery_latency', true),
  readyTime: new Trend('ready_time', true),
}

/** report makes one; of the delivery latencies each sample-th is kept. */
export function report(sample) {
  const counts = {}
  const out = {
    flush() {
      for (const [name, n] of Object.entries(counts)) {
        if (n > 0) counters[name].add(n)
        counts[name] = 0
      }
    },
  }
  for (const name of Object.keys(counters)) {
    counts[name] = 0
    out[name] = (n) => { counts[name] += n }
  }
  for (const [name, trend] of Object.entries(trends)) out[name] = (ms) => trend.add(ms)
  let seen = 0
  out.deliveryLatency = (ms) => { if (seen++ % sample === 0) trends.deliveryLatency.add(ms) }
  return out
}

// What is said by -e NAME=value. Pure: the values come as an object.

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** duration is '90s', '1m30s', '250ms' in milliseconds. */
export function duration(text) {
  let rest = text
  let ms = 0
  while (rest) {
    const m = /^(\d+(?:\.\d+)?)(ms|s|m|h)/.exec(rest)
    if (!m) throw new Error(`${text} is no duration like 30s or 1m30s`)
    ms += Number(m[1]) * units[m[2]]
    rest = rest.slice(m[0].length)
  }
  return ms
}

function number(text) {
  const n = Number(text)
  if (text.trim() === '' || !Number.isFinite(n) || n < 0) throw new Error(`${text} is no number`)
  return n
}

/**
 * settings reads those of a script. defaults gives name and default of each:
 * a number, a duration as text ('30s'), or any other text. What every script
 * takes is added.
 */
export function settings(env, defaults) {
  const all = {
    URL: 'http://127.0.0.1:3001', DIALECT: 'plain', INSTANCE: 'a', RUN: '', SHARE: '', TOKEN_SECRET: '',
    CONNECT_RATE: 500, PER_VU: 50, ACK_TIMEOUT: '10s', SAMPLE: 1, JSON: '', ...defaults,
  }
  const out = {}
  for (const [name, initial] of Object.entries(all)) {
    const given = env[name] ?? String(initial)
    try {
      if (typeof initial === 'number') out[name] = number(given)
      else if (/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(initial)) out[name] = duration(given)
      else out[name] = given
    } catch (error) {
      throw new Error(`${name}: ${error.message}`)
    }
  }
  return out
}

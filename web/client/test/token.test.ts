import { expect, it } from 'vitest'
import { expiryOf, refreshDelay } from '../src/token.js'

const token = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`

it.each([
  ['a time', token({ exp: 12, name: '¡ñ??>' }), 12_000],
  ['none', token({ sub: 'ann' }), undefined],
  ['no number', token({ exp: 'soon' }), undefined],
  ['no object', token(7), undefined],
  ['no token', 'nonsense', undefined],
])('reads %s from a token', (_, text, expiry) => {
  expect(expiryOf(text)).toBe(expiry)
})

it.each([
  ['a fifth of a short life before its end', 10_000, 8_000],
  ['a minute before the end of a long one', 3_600_000, 3_540_000],
  ['not at once, however little is left', 100, 1_000],
  ['not at once when it is over', -5_000, 1_000],
  ['no later than a timer can', 2 ** 40, 2 ** 31 - 1],
])('asks for the next %s', (_, left, delay) => {
  expect(refreshDelay(1e12 + left, 1e12)).toBe(delay)
})

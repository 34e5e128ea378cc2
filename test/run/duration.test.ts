import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDuration } from '../../src/run/duration.ts'

test('a duration is read in seconds, minutes, hours and days, also combined', () => {
  const read = ['1s', '90s', '15m', '1h', '1h30m', '2d', '365d'].map((text) => parseDuration(text, '--ttl'))
  assert.deepEqual(read, [1, 90, 900, 3600, 5400, 172_800, 31_536_000])
})

test('anything else is refused with the argument and an example', () => {
  for (const text of ['', '15', '0s', '-1m', '1.5h', '15 m', 'm', '15M', '1w', '366d', '1e3s', '９s', '9999999999s', '15m '])
    assert.throws(() => parseDuration(text, '--ttl'), { code: 'invalid_argument', message: /--ttl takes a duration .*15m/ }, text)
})

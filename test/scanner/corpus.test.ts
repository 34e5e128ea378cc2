import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createDetector } from '../../src/scanner/detector.ts'
import { RULES } from '../../src/scanner/rules/index.ts'
import { makeCorpus } from './corpus/corpus.ts'

const detect = createDetector(Object.values(RULES).flat())

describe('the labelled corpus', () => {
  const files = makeCorpus(4).map((file) => {
    const bytes = Buffer.from(file.text)
    return { ...file, found: detect(bytes, 0, bytes.length).map(({ secret }) => secret) }
  })

  test('gives up at least 98 of 100 secrets of every family', () => {
    const wanted = files.flatMap(({ secrets, found }) => secrets.map((one) => ({ ...one, isFound: found.includes(one.secret) })))
    for (const [family, ones] of Map.groupBy(wanted, (one) => one.family)) {
      assert.ok(ones.filter(({ isFound }) => isFound).length / ones.length >= 0.98, family)
    }
  })

  test('has nothing found in it that is no secret', () => {
    const wrong = files.flatMap(({ path, secrets, found }) =>
      found.filter((secret) => !secrets.some((one) => one.secret === secret)).map((secret) => `${path}: ${secret}`),
    )
    assert.deepEqual(wrong, [])
  })
})

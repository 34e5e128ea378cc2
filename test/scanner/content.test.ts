import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { openContent } from '../../src/scanner/content.ts'
import { createDetector, reachOf } from '../../src/scanner/detector.ts'
import { github } from '../../src/scanner/rules/github.ts'
import { alnum } from '../../src/scanner/sample.ts'

const rules = github.filter(({ id }) => id === 'github-pat-fine-grained')
const detect = createDetector(rules)
const secret = (seed: number): string => `github_pat_${alnum(22, seed)}_${alnum(59, seed)}`

function read(parts: readonly Buffer[]): string[] {
  const content = openContent(detect, reachOf(rules))
  const found = parts.slice(0, -1).flatMap((part) => content.feed(part))
  return [...found, ...content.end(parts.at(-1) ?? Buffer.alloc(0))].map((one) => `${one.secret} ${one.offset} ${one.line}`)
}

describe('a content', () => {
  test('in parts of any size gives what it gives as a whole, each match once, with its place', () => {
    const piece = fc.oneof(fc.nat(3).map(secret), fc.string({ maxLength: 900 }), fc.constant('\n'), fc.constant(' '))
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }),
        fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 40 }),
        (pieces, sizes) => {
          const bytes = Buffer.from(pieces.join(' '))
          const parts: Buffer[] = []
          let at = 0
          for (const size of sizes) {
            parts.push(Buffer.from(bytes.subarray(at, at + size)))
            at += size
          }
          assert.deepEqual(read([...parts, bytes.subarray(at)]), read([bytes]))
        },
      ),
      { numRuns: 200 },
    )
  })

  test('says where a match is: the line, and the column as an editor counts it', () => {
    const [one] = openContent(detect, reachOf(rules)).end(Buffer.from(`é\nfür = ${secret(1)}\n`))
    assert.deepEqual([one?.line, one?.column, one?.offset], [2, 7, 10])
  })

  test('passes over a line that says so, and no other', () => {
    assert.deepEqual(read([Buffer.from(`${secret(1)} # gitleaks:allow\n${secret(2)} // stint:allow\n`)]), [])
    assert.equal(read([Buffer.from(`# gitleaks:allow\n${secret(1)}\n# gitleaks:allow`)]).length, 1)
  })
})

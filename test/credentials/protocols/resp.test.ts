import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createReplyReader, encodeCommand, type Reply } from '../../../src/credentials/protocols/resp.ts'
import { StintError } from '../../../src/errors.ts'

function readerOf(...chunks: readonly Buffer[]): () => Promise<Reply> {
  return createReplyReader(
    (async function* () {
      yield* chunks
    })(),
  )
}

const readerOfText = (text: string): (() => Promise<Reply>) => readerOf(Buffer.from(text))
const isFailure = (thrown: unknown): boolean => thrown instanceof StintError && thrown.code === 'upstream_failed'

/** A reply as a server would write it. */
function write(reply: Reply): Buffer {
  switch (reply.kind) {
    case 'simple':
      return Buffer.from(`+${reply.text}\r\n`)
    case 'error':
      return Buffer.from(`-${reply.text}\r\n`)
    case 'integer':
      return Buffer.from(`:${reply.value}\r\n`)
    case 'null':
      return Buffer.from('$-1\r\n')
    case 'bulk':
      return Buffer.concat([Buffer.from(`$${reply.bytes.length}\r\n`), reply.bytes, Buffer.from('\r\n')])
    case 'array':
      return Buffer.concat([Buffer.from(`*${reply.items.length}\r\n`), ...reply.items.map(write)])
  }
}

/** As object literals are. */
const PLAIN = { noNullPrototype: true }
const line = fc.stringMatching(/^[ -~]{0,40}$/)
const { reply } = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 5 },
    fc.record({ kind: fc.constantFrom('simple' as const, 'error' as const), text: line }, PLAIN),
    fc.record({ kind: fc.constant('integer' as const), value: fc.integer({ min: -1, max: 2 ** 40 }) }, PLAIN),
    fc.record(
      { kind: fc.constant('bulk' as const), bytes: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
      PLAIN,
    ),
    fc.constant({ kind: 'null' } as const),
    fc.record({ kind: fc.constant('array' as const), items: fc.array(tie('reply'), { maxLength: 4 }) }, PLAIN),
  ),
}))

describe('the replies of Redis', () => {
  test('are read as they were written, wherever they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(reply, { minLength: 1, maxLength: 4 }), fc.array(fc.nat(400)), async (replies, cuts) => {
        const bytes = Buffer.concat(replies.map(write))
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
        const read = readerOf(...at.slice(1).map((end, i) => bytes.subarray(at[i], end)))
        for (const one of replies) assert.deepEqual(await read(), one)
        await assert.rejects(read(), isFailure)
      }),
      { numRuns: 300 },
    )
  })

  test('are a failure of the server when they are garbage, and nothing else', async () => {
    const piece = fc.oneof(fc.constantFrom('*', '$', '+', '-', ':', '\r\n', '1', '-1', '99999999999'), line)
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        const read = readerOfText(pieces.join(''))
        for (;;) {
          const thrown = await read().then(
            () => undefined,
            (thrown: unknown) => thrown,
          )
          if (thrown === undefined) continue
          assert.ok(isFailure(thrown), String(thrown))
          break
        }
      }),
      { numRuns: 1000 },
    )
  })

  for (const [what, text] of [
    ['an endless line', `+${'a'.repeat(5000)}\r\n`],
    ['a string that is too large', `$${9 * 1024 * 1024}\r\n`],
    ['an array of arrays of arrays', '*1\r\n'.repeat(1000)],
    ['a string that is longer than it says', '$3\r\nabcd\r\n'],
    ['a length that is no number', '$+3\r\nabc\r\n'],
    ['a line end of another kind', '+OK\n'],
  ] as const)
    test(`are refused with ${what}`, () => assert.rejects(readerOfText(text)(), isFailure))

  test('are refused when they never end', async () => {
    const flood = (async function* () {
      yield Buffer.from('*99999999\r\n')
      for (;;) yield Buffer.from(':1\r\n'.repeat(10_000))
    })()
    await assert.rejects(createReplyReader(flood)(), /too much/)
  })
})

test('an argument of a command cannot end it', () => {
  assert.equal(encodeCommand(['SET', 'a\r\nACL', 'ü']).toString(), '*3\r\n$3\r\nSET\r\n$6\r\na\r\nACL\r\n$2\r\nü\r\n')
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { reportRefusal } from '../../../src/credentials/protocols/git-report.ts'
import type { Operation } from '../../../src/model.ts'

const [ZERO, ONE, TWO] = ['0', '1', '2'].map((digit) => digit.repeat(40))
const REFUSAL = { status: 403, code: 'denied', line: 'Stint: no. Ask.', text: 'stint: no\nAsk.\n' } as const
const HEADERS = { 'content-type': 'application/x-git-receive-pack-request' }

function packet(content: string): string {
  return (Buffer.byteLength(content) + 4).toString(16).padStart(4, '0') + content
}

function push(capabilities: string, ...refs: readonly string[]): Uint8Array {
  const [first = '', ...more] = refs
  const rest = more.map((ref) => packet(`${ONE} ${ZERO} ${ref}`))
  return Buffer.from([packet(`${ONE} ${TWO} ${first}\0${capabilities}`), ...rest, '0000PACK'].join(''))
}

function operationOf(body: Uint8Array, change: Partial<Operation> = {}): Operation {
  const place = { scheme: 'https', host: 'git.example.com', port: 443, query: '' } as const
  return { ...place, method: 'POST', path: '/a/b/git-receive-pack', headers: HEADERS, body, ...change }
}

/** Reads packets as a client does. Throws for what is none. */
function packetsOf(bytes: Uint8Array): Buffer[] {
  const packets: Buffer[] = []
  const buffer = Buffer.from(bytes)
  for (let at = 0; at < buffer.length; ) {
    const length = Number.parseInt(buffer.toString('latin1', at, at + 4), 16)
    assert.ok(length === 0 || (length > 4 && length <= 65_520 && at + length <= buffer.length), `length ${length} at ${at}`)
    packets.push(length === 0 ? Buffer.from('flush') : buffer.subarray(at + 4, at + length))
    at += Math.max(length, 4)
  }
  return packets
}

/** What is in each band, joined. */
function bandsOf(body: Uint8Array): { report: string[]; text: string } {
  const packets = packetsOf(body)
  assert.equal(String(packets.pop()), 'flush')
  const inBand = (number: number) => Buffer.concat(packets.filter(([first]) => first === number).map((one) => one.subarray(1)))
  return { report: packetsOf(inBand(1)).map(String), text: String(inBand(2)) }
}

describe('the report of a refused push', () => {
  test('rejects every ref, in the side band where there is one', () => {
    const body = push(' report-status-v2 side-band-64k agent=git/2.50', 'refs/heads/main', 'refs/heads/ü')
    const said = reportRefusal(operationOf(body), true, REFUSAL)
    assert.equal(said?.status, 200)
    assert.equal(said.contentType, 'application/x-git-receive-pack-result')
    const { report, text } = bandsOf(said.body)
    const line = (ref: string): string => `ng ${ref} ${REFUSAL.line}\n`
    assert.deepEqual(report, ['unpack ok\n', line('refs/heads/main'), line('refs/heads/ü'), 'flush'])
    assert.equal(text, REFUSAL.text)
  })

  test('is plain where no side band was asked for', () => {
    const said = reportRefusal(operationOf(push('report-status', 'refs/heads/main')), false, REFUSAL)
    assert.deepEqual(packetsOf(said?.body ?? Buffer.alloc(0)).map(String), [
      'unpack ok\n',
      `ng refs/heads/main ${REFUSAL.line}\n`,
      'flush',
    ])
  })

  for (const [what, operation] of [
    ['a client that takes no report', operationOf(push('side-band-64k', 'refs/heads/main'))],
    ['an empty list', operationOf(Buffer.from('0000'))],
    ['no body', operationOf(Buffer.alloc(0))],
    ['what is no command list', operationOf(Buffer.from('<html>'))],
    ['half a list', operationOf(push('report-status', 'refs/heads/main').subarray(0, 90))],
    ['another kind of body', operationOf(push('report-status', 'refs/heads/main'), { headers: {} })],
    [
      'a compressed body',
      operationOf(push('report-status', 'refs/heads/main'), { headers: { ...HEADERS, 'content-encoding': 'gzip' } }),
    ],
    ['a signed push', operationOf(Buffer.from(`${packet('push-cert\0report-status')}0000`))],
  ] as const)
    test(`is not made for ${what}`, () => assert.equal(reportRefusal(operation, false, REFUSAL), undefined))

  test('of as many refs as are read is in whole packets, and of a bounded size', () => {
    const refs = Array.from({ length: 700 }, (_, i) => `refs/${i}`)
    const body = push('report-status side-band-64k', ...refs)
    const said = reportRefusal(operationOf(body), false, {
      status: 403,
      code: 'denied',
      line: 'x'.repeat(700),
      text: 'y'.repeat(8000),
    })
    assert.ok(said !== undefined && said.body.length < 600_000)
    assert.equal(bandsOf(said.body).report.length, 702)
  })

  test('is made of whole packets, or not made, whatever is pushed', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.constantFrom('0000', 'PACK', packet(`${ONE} ${TWO} refs/heads/a\0report-status`), packet(`${ZERO} ${TWO} refs/b\n`)),
    )
    let made = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.boolean(), fc.boolean(), (pieces, isCut, isBanded) => {
        const first = isBanded ? packet(`${ONE} ${TWO} refs/heads/c\0side-band-64k report-status`) : ''
        const said = reportRefusal(operationOf(Buffer.from(first + pieces.join(''))), isCut, REFUSAL)
        if (said === undefined) return
        made += 1
        const report = isBanded ? bandsOf(said.body).report : packetsOf(said.body).map(String)
        assert.equal(report[0], 'unpack ok\n')
        for (const line of report.slice(1, -1)) assert.match(line, /^ng refs\/\S+ Stint: no\. Ask\.\n$/)
        assert.equal(report.at(-1), 'flush')
      }),
      { numRuns: 3000 },
    )
    assert.ok(made > 100, `only ${made} were made, so this shows little`)
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Undo } from '../../../src/credentials/connector.ts'
import { git } from '../../../src/credentials/connectors/git.ts'
import type { Operation } from '../../../src/model.ts'

const [A, B, ZERO] = ['a'.repeat(40), 'b'.repeat(40), '0'.repeat(40)]
const packet = (text: string): string => (Buffer.byteLength(text) + 4).toString(16).padStart(4, '0') + text
const banded = (report: string): string => `${packet('\x02remote words\n')}${packet(`\x01${report}`)}0000`

function pushOf(commands: readonly string[], capabilities: string): Operation {
  const lines = commands.map((command, index) => packet(index === 0 ? `${command}\0 ${capabilities}` : command))
  const place = {
    scheme: 'https',
    host: 'git.example',
    port: 443,
    method: 'POST',
    path: '/acme/app.git/git-receive-pack',
  } as const
  return { ...place, query: '', headers: {}, body: Buffer.from(`${lines.join('')}0000PACK`) }
}

/** What is noted of an answer, given in two pieces. */
function noted(asked: Operation, answer: string, status = 200): Undo[] {
  const undos: Undo[] = []
  const action = git.describe(asked, git.example.target)
  const reader = git.undoOf?.({ asked, status, headers: {} }, action, (undo) => undos.push(undo))
  if (reader === undefined) return undos
  const bytes = Buffer.from(answer)
  const passed = [reader.push(bytes.subarray(0, 7)), reader.push(bytes.subarray(7)), reader.end()]
  assert.deepEqual(Buffer.concat(passed), bytes, 'the answer passes as it is')
  return undos
}

const PUSH = [`${A} ${B} refs/heads/main`, `${ZERO} ${B} refs/heads/new`]
const REPORT = `${packet('unpack ok\n')}${packet('ok refs/heads/main\n')}${packet('ok refs/heads/new\n')}0000`

describe('the way back from a push', () => {
  test('is each ref that the server says it moved', () => {
    const ways = [
      { is: 'ref', path: '/acme/app.git', ref: 'refs/heads/main', from: A, to: B },
      { is: 'ref', path: '/acme/app.git', ref: 'refs/heads/new', from: ZERO, to: B },
    ]
    assert.deepEqual(noted(pushOf(PUSH, 'report-status'), REPORT), ways)
    assert.deepEqual(noted(pushOf(PUSH, 'report-status-v2 side-band-64k'), banded(REPORT)), ways)
  })

  for (const [what, answer, status] of [
    ['rejected', `${packet('unpack ok\n')}${packet('ng refs/heads/main fetch first\n')}${packet('ng refs/heads/new no\n')}0000`],
    ['not unpacked', REPORT.replace('unpack ok', 'unpack no')],
    ['rewritten by a hook', `${packet('unpack ok\n')}${packet('ok refs/heads/main\n')}${packet(`option new-oid ${A}\n`)}0000`],
    ['of another name', `${packet('unpack ok\n')}${packet('ok refs/heads/other\n')}0000`],
    ['cut short', REPORT.slice(0, -4)],
    ['no report', 'hello'],
    ['empty', ''],
    ['an error', REPORT, 500],
    ['longer than is looked into', `${REPORT}${'x'.repeat(300_000)}`],
  ] as const)
    test(`is not known from an answer that is ${what}`, () => {
      assert.deepEqual(noted(pushOf(PUSH, 'report-status'), answer, status), [])
    })

  test('is not known where no report was asked for, or of a mirror', () => {
    assert.deepEqual(noted(pushOf(PUSH, 'agent=x'), REPORT), [])
    const names = Array.from({ length: 51 }, (_, number) => `refs/heads/b${number}`)
    const report = `${packet('unpack ok\n')}${names.map((name) => packet(`ok ${name}\n`)).join('')}0000`
    assert.deepEqual(
      noted(
        pushOf(
          names.map((name) => `${ZERO} ${B} ${name}`),
          'report-status',
        ),
        report,
      ),
      [],
    )
  })
})

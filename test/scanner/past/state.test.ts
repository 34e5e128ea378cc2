import assert from 'node:assert/strict'
import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { forgetUnused } from '../../../src/scanner/past/forget.ts'
import { nameOfState, readState, type State, writeState } from '../../../src/scanner/past/state.ts'
import { directory } from '../repository.ts'

const key = Buffer.alloc(32, 7)
const name = nameOfState(key, '/srv/a/.git')
const object = 'ab'.repeat(20)
const state: State = {
  rules: 'r',
  ids: { bytes: Buffer.from(object, 'hex'), width: 20 },
  findings: [
    {
      ...{ fingerprint: 'f', rule: 'x', provider: 'Acme', title: 'key', confidence: 'high', preview: '****', facts: {} },
      places: [{ object, line: 1, column: 1 }],
    },
  ],
  skipped: [{ what: `object ${object}!a`, why: 'it is packed too deep' }],
  origins: new Map([
    [object, [{ commit: 'c', author: 'Ada', email: 'ada@example.org', date: '2026-01-01T00:00:00Z', path: 'é' }]],
  ]),
  tips: new Set(['c']),
  isWhole: true,
}

/** A file that holds the state. */
async function kept(t: TestContext): Promise<{ file: string; bytes: Buffer }> {
  const file = join(directory(t), name)
  assert.equal(await writeState(file, name, key, state), true)
  return { file, bytes: readFileSync(file) }
}

describe('the state of a scan', () => {
  test('is what was kept, for its owner alone', async (t) => {
    const { file } = await kept(t)
    assert.deepEqual(await readState(file, name, key, 'r'), state)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal(await readState(`${file}x`, name, key, 'r'), undefined)
  })

  test('is of no use when a byte of it was changed, or some are missing', async (t) => {
    const { file, bytes } = await kept(t)
    for (let at = 0; at < bytes.length; at += 5) {
      const other = Buffer.from(bytes)
      other[at] = (other[at] ?? 0) ^ 1
      writeFileSync(file, other)
      assert.match(String(await readState(file, name, key, 'r')), /^it is damaged/, `byte ${at}`)
    }
    for (const length of [0, 35, 36, bytes.length - 20, bytes.length - 1]) {
      writeFileSync(file, bytes.subarray(0, length))
      assert.match(String(await readState(file, name, key, 'r')), /^it is damaged/, `${length} bytes`)
    }
  })

  test('is of no use with another key, for another repository or for other rules', async (t) => {
    const { file } = await kept(t)
    assert.match(String(await readState(file, name, Buffer.alloc(32, 8), 'r')), /key/)
    assert.match(String(await readState(file, nameOfState(key, '/srv/b/.git'), key, 'r')), /for this repository/)
    assert.equal(await readState(file, name, key, 's'), 'the rules are others now')
  })

  test('is not read where others could have written it, nor through a link', async (t) => {
    const { file } = await kept(t)
    symlinkSync(file, `${file}-link`)
    assert.match(String(await readState(`${file}-link`, name, key, 'r')), /symbolic link/)
    chmodSync(file, 0o666)
    assert.match(String(await readState(file, name, key, 'r')), /0600/)
  })

  test('is one or the other whole where two scans keep theirs at once', async (t) => {
    const { file } = await kept(t)
    const others = Array.from({ length: 4 }, (_, i): State => ({ ...state, tips: new Set([String(i)]) }))
    await Promise.all(others.map((other) => writeState(file, name, key, other)))
    const read = await readState(file, name, key, 'r')
    assert.ok(
      others.some((other) => isDeepStrictEqual(other, read)),
      'one of them',
    )
    assert.deepEqual(readdirSync(dirname(file)), [name])
  })

  test('is not kept where it would take longer to read than it saves', async (t) => {
    const file = join(directory(t), name)
    const [finding] = state.findings
    assert.ok(finding)
    const places = Array.from({ length: 200_001 }, (_, line) => ({ object, line, column: 1 }))
    assert.equal(await writeState(file, name, key, { ...state, findings: [{ ...finding, places }] }), false)
    assert.equal(await readState(file, name, key, 'r'), undefined)
  })

  test('is forgotten when no scan has used it for a season', async (t) => {
    const { file } = await kept(t)
    const [old, left] = [`${file}-old`, `${file}.draft`]
    const ago = new Date(Date.now() - 91 * 24 * 3600 * 1000)
    for (const one of [old, left]) {
      writeFileSync(one, '')
      utimesSync(one, ago, ago)
    }
    await forgetUnused(dirname(file))
    assert.deepEqual(readdirSync(dirname(file)), [name])
  })
})

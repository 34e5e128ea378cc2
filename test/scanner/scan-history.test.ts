import assert from 'node:assert/strict'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { Finding, Place } from '../../src/scanner/finding.ts'
import { locate } from '../../src/scanner/past/locate.ts'
import { alnum } from '../../src/scanner/sample.ts'
import type { Report } from '../../src/scanner/scan.ts'
import { scanHistory } from '../../src/scanner/scan-history.ts'
import { directory, repository } from './repository.ts'

const key = Buffer.alloc(32, 7)
const secret = (seed: number): string => `github_pat_${alnum(22, seed)}_${alnum(59, seed)}`

/** Scans of one repository that go on from each other. */
function scansOf(t: TestContext, path: string) {
  const states = join(directory(t), 'scans')
  const remarks: string[] = []
  const look = async (changes: object = {}): Promise<Report> => {
    const location = await locate(path)
    assert.ok(location !== undefined)
    const onRemark = (line: string): void => void remarks.push(line)
    return scanHistory([], { key, repository: path, location, directory: states, isFresh: false, onRemark, ...changes })
  }
  return { states, remarks, look, file: () => join(states, readdirSync(states)[0] ?? '') }
}

/** What was found, in an order of its own. */
function said({ findings, skipped }: Report): unknown {
  const spell = (value: Place | Finding): string => JSON.stringify(value, Object.keys(value).sort())
  const found = findings.map(({ places, ...rest }) => [spell({ ...rest, places: [] }), ...places.map(spell).sort()].join('\n'))
  return [found.sort(), skipped.map(({ what, why }) => `${what} ${why}`).sort()]
}

/** The same numbers each time. */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

describe('a scan after a scan', () => {
  test('says whatever was done to the repository what a scan of everything says', async (t) => {
    const { path, git, commit } = repository(t)
    const { look, remarks } = scansOf(t, path)
    const random = createRandom(3)
    commit({ a: secret(0), 'm.gz': '\x1f\x8bnone' })
    const acts: readonly (() => void)[] = [
      () => commit({ [`f${random(3)}`]: `${secret(random(4))}\n` }, random(2) === 0 ? 'a change' : secret(4)),
      () => git(['commit', '-q', '--amend', '--allow-empty', '-m', `other ${random(9)}`]),
      () => git(['-c', 'gc.reflogExpire=now', '-c', 'gc.reflogExpireUnreachable=now', 'gc', '-q', '--prune=now']),
      () => git(['repack', '-q', '-a', '-d']),
      () => {
        git(['checkout', '-q', '-B', `side${random(2)}`])
        commit({ [`s${random(3)}`]: secret(5 + random(3)) })
        git(['checkout', '-q', 'main'])
      },
      () =>
        git(['for-each-ref', '--format=%(refname)', 'refs/heads/side*'])
          .split('\n')
          .filter(Boolean)
          .map((ref) => git(['update-ref', '-d', ref])),
      () => {
        writeFileSync(join(path, 'a'), secret(8 + random(2)))
        git(['stash', '-q'])
      },
      () => git(['hash-object', '-w', '--stdin'], `${secret(random(10))} ${random(99)}`),
      () => git(['reset', '-q', '--hard', git(['rev-list', '--max-count=2', 'HEAD']).split('\n').at(-1) ?? 'HEAD']),
    ]
    await look()
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 7; i += 1) acts[random(acts.length)]?.()
      const again = await look()
      assert.ok((again.earlier?.items ?? 0) > 0, 'goes on from the one before')
      assert.deepEqual(said(again), said(await look({ isFresh: true, directory: directory(t) })), `round ${round}`)
    }
    assert.deepEqual(remarks, [])
  })

  test('finds what was found before, without looking, and tells its secret again where it is wanted', async (t) => {
    const { path, commit } = repository(t)
    const { look, file } = scansOf(t, path)
    commit({ a: secret(1), b: `${secret(2)}\n${secret(1)}` })
    const first = await look()
    assert.ok(!readFileSync(file(), 'latin1').includes(secret(1).slice(0, 16)), 'no secret is kept')
    const told: string[] = []
    const again = await look({ onSecret: (fingerprint: string) => told.push(fingerprint) })
    assert.deepEqual([again.items, again.earlier], [0, { items: first.items, gone: 0 }])
    assert.deepEqual(said(again), said(first))
    assert.deepEqual(told.sort(), first.findings.map(({ fingerprint }) => fingerprint).sort())
  })

  test('believes nothing that does not bear out the key, says so, and puts it right', async (t) => {
    const { path, commit } = repository(t)
    const { look, file, remarks } = scansOf(t, path)
    commit({ a: secret(1) })
    const first = await look()
    const bytes = readFileSync(file())
    const json = bytes.toString('latin1')
    writeFileSync(file(), json.replace('"line":1', '"line":2'), 'latin1')
    const second = await look()
    assert.deepEqual([said(second), second.earlier], [said(first), undefined])
    assert.match(remarks.join(), /^What an earlier scan kept is not used, .* damaged, .*\.$/)
    assert.ok((await look()).earlier, 'it was written anew')
  })

  test('leaves out a secret of which no object is left, and says how many', async (t) => {
    const { path, git, commit } = repository(t)
    const { look } = scansOf(t, path)
    commit({ a: 'a' })
    for (const seed of [1, 2]) git(['hash-object', '-w', '--stdin'], secret(seed))
    commit({ b: `it is ${secret(2)}` })
    assert.equal((await look()).findings.length, 2)
    git(['prune', '--expire=now'])
    const { findings, earlier } = await look()
    assert.deepEqual(
      findings.flatMap(({ places }) => places.map(({ path: file, column }) => [file, column])),
      [['b', 7]],
    )
    assert.equal(earlier?.gone, 1)
  })

  test('looks again into an object that could not be read', async (t) => {
    const { path, git, commit } = repository(t)
    const { look } = scansOf(t, path)
    commit({ a: secret(1), b: 'b' })
    const broken = git(['rev-parse', 'HEAD:a'])
    const file = join(path, '.git/objects', broken.slice(0, 2), broken.slice(2))
    const whole = readFileSync(file)
    chmodSync(file, 0o600)
    writeFileSync(file, whole.subarray(0, 9))
    const first = await look()
    assert.deepEqual([first.findings.length, first.skipped.map(({ what }) => what)], [0, [`object ${broken}`]])
    writeFileSync(file, whole)
    const second = await look()
    assert.deepEqual(
      [second.items, second.skipped, second.findings.flatMap(({ places }) => places.map((place) => place.path))],
      [1, [], ['a']],
    )
  })

  test('says what it found also where nothing can be kept', async (t) => {
    const { path } = repository(t)
    const { look, remarks } = scansOf(t, path)
    const file = join(path, 'file')
    writeFileSync(file, '')
    assert.deepEqual((await look({ directory: file, isFresh: true })).findings, [])
    assert.match(remarks.join(), /^What is kept for the next scan could not be written, .*EEXIST/)
    assert.deepEqual((await look({ directory: join(path, 'scans') })).earlier, undefined)
    assert.deepEqual((await look({ directory: join(path, 'scans') })).earlier, { items: 0, gone: 0 })
  })
})

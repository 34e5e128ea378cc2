import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createFingerprint } from '../../src/scanner/finding.ts'
import { GitError } from '../../src/scanner/git-command.ts'
import { alnum } from '../../src/scanner/sample.ts'
import { type Report, scan } from '../../src/scanner/scan.ts'
import { listFiles } from '../../src/scanner/sources/files.ts'
import { isRepository, isShallow, listObjects, listSince, listStaged } from '../../src/scanner/sources/git.ts'
import { listChanged } from '../../src/scanner/sources/worktree.ts'
import { directory, repository } from './repository.ts'
import { makeZip } from './zip.ts'

const key = Buffer.alloc(32, 7)
const secret = (seed: number): string => `github_pat_${alnum(22, seed)}_${alnum(59, seed)}`
const name = createFingerprint(key)

const scanGit = async (path: string): Promise<Report> => scan([await listObjects(path)], { key })
const scanFiles = async (path: string): Promise<Report> => {
  const { work, skipped } = await listFiles(path)
  const report = await scan([work], { key })
  return { ...report, skipped: [...skipped, ...report.skipped] }
}
const placesOf = ({ findings }: Report, seed: number) =>
  findings.find(({ fingerprint }) => fingerprint === name(secret(seed)))?.places ?? []

describe('a scan of a repository', () => {
  test('finds a secret that was taken out again, and says who brought it in, where and when', async (t) => {
    const { path, commit } = repository(t)
    const first = commit({ 'deploy/é.env': `A=1\nTOKEN=${secret(1)}\n` })
    commit({ 'deploy/é.env': 'A=1\n' })
    const report = await scanGit(path)
    assert.equal(report.findings.length, 1)
    const [place] = placesOf(report, 1)
    assert.deepEqual(
      { ...place, date: typeof place?.date },
      {
        ...{ path: 'deploy/é.env', line: 2, column: 7, object: place?.object, commit: first },
        ...{ author: 'Ada', email: 'ada@example.org', date: 'string' },
      },
    )
    assert.ok(!JSON.stringify(report).includes(secret(1).slice(0, 14)), 'a finding holds no secret')
  })

  test('opens the archives that were committed, and names what is in them after them', async (t) => {
    const { path, git, commit } = repository(t)
    const zip = makeZip({ 'conf/.env': secret(1) })
    writeFileSync(join(path, 'a.zip'), zip)
    const first = commit({})
    const dangling = git(['hash-object', '-w', '--stdin'], makeZip({ b: secret(2) }))
    const report = await scanGit(path)
    assert.deepEqual(
      placesOf(report, 1).map((place) => [place.path, place.commit]),
      [['a.zip!conf/.env', first]],
    )
    assert.deepEqual(placesOf(report, 2), [{ path: `object ${dangling}!b`, object: dangling, line: 1, column: 1 }])
  })

  test('knows one secret in all its places', async (t) => {
    const { path, commit } = repository(t)
    commit({ a: secret(1), b: `x ${secret(1)}` })
    commit({ a: secret(2), 'c/a': `${secret(1)}\n` })
    const places = placesOf(await scanGit(path), 1)
    assert.deepEqual(places.map((place) => place.path).sort(), ['a', 'b', 'c/a'])
  })

  test('looks into every branch, stash, tag and commit message, what was reset and what nothing refers to', async (t) => {
    const { path, git, commit } = repository(t)
    commit({ a: 'a' })
    git(['checkout', '-q', '-b', 'side'])
    commit({ side: secret(1) })
    git(['checkout', '-q', 'main'])
    writeFileSync(join(path, 'a'), secret(2))
    git(['stash', '-q'])
    git(['tag', '-a', '-m', secret(3), 'v1'])
    const message = commit({}, `it was ${secret(4)}`)
    commit({ gone: secret(5) })
    git(['reset', '-q', '--hard', 'HEAD~1'])
    git(['hash-object', '-w', '--stdin'], secret(6))
    git(['gc', '-q'])
    const report = await scanGit(path)
    assert.equal(report.findings.length, 6)
    assert.deepEqual(
      placesOf(report, 4).map((place) => place.commit),
      [message],
    )
    assert.deepEqual(
      placesOf(report, 5).map((place) => place.path),
      ['gone'],
    )
    assert.deepEqual(
      placesOf(report, 6).map((place) => place.commit),
      [undefined],
    )
  })

  test('goes on behind an object that is broken, and says which it was', async (t) => {
    const { path, commit } = repository(t)
    commit({ a: secret(1), b: 'the one', c: secret(2) })
    const broken = execFileSync('git', ['-C', path, 'rev-parse', 'HEAD:b']).toString().trim()
    const file = join(path, '.git/objects', broken.slice(0, 2), broken.slice(2))
    chmodSync(file, 0o600)
    writeFileSync(file, readFileSync(file).subarray(0, 9))
    const report = await scanGit(path)
    assert.equal(report.findings.length, 2)
    assert.deepEqual(
      report.skipped.map(({ what }) => what),
      [`object ${broken}`],
    )
  })

  test('runs nothing that the repository names', async (t) => {
    const { path, git, commit } = repository(t)
    commit({ a: secret(1), '.gitattributes': '* filter=evil diff=evil\n' })
    const evil = `touch ${join(path, 'ran')}; cat`
    for (const setting of [
      'core.fsmonitor',
      'core.pager',
      'diff.external',
      'filter.evil.smudge',
      'filter.evil.clean',
      'diff.evil.textconv',
    ])
      git(['config', setting, evil])
    for (const setting of ['gpg.program', 'core.sshCommand', 'core.alternateRefsCommand', 'core.editor'])
      git(['config', setting, evil])
    git(['config', 'log.showSignature', 'true'])
    git(['config', 'extensions.partialClone', 'origin'])
    git(['config', 'remote.origin.url', `ext::sh -c ${evil.replaceAll(' ', '% ')}`])
    git(['config', 'protocol.ext.allow', 'always'])
    rmSync(globSync(join(path, '.git/objects', git(['rev-parse', 'HEAD:.gitattributes']).replace(/^../, '$&/')))[0] ?? '')
    const report = await scanGit(path)
    writeFileSync(join(path, 'a'), secret(2))
    await listStaged(path)
    await listSince(path, 'HEAD')
    assert.deepEqual((await listChanged(path)).work.paths, ['a'])
    assert.equal(report.findings.length, 1)
    assert.ok(!existsSync(join(path, 'ran')))
  })

  test('of an empty one, a bare one and a shallow one works; what is none is known', async (t) => {
    const { path, commit } = repository(t)
    assert.deepEqual((await scanGit(path)).findings, [])
    commit({ a: secret(1) })
    commit({ a: secret(2) })
    const [bare, shallow] = [join(directory(t), 'bare'), join(directory(t), 'shallow')]
    execFileSync('git', ['clone', '-q', '--bare', path, bare])
    execFileSync('git', ['clone', '-q', '--depth', '1', `file://${path}`, shallow])
    assert.deepEqual([(await scanGit(bare)).findings.length, (await scanGit(shallow)).findings.length], [2, 1])
    assert.deepEqual([await isShallow(shallow), await isShallow(path)], [true, false])
    assert.deepEqual((await listChanged(bare)).work.paths, [])
    assert.deepEqual([await isRepository(bare), await isRepository(directory(t))], [true, false])
  })
})

describe('a part of a repository', () => {
  const pathsOf = async (path: string, ignored = false): Promise<readonly string[]> =>
    (await listChanged(path, { ignored })).work.paths

  test('is what differs from the index and what is not tracked, by git’s own list, and ignored files where they are wanted', async (t) => {
    const { path, commit } = repository(t)
    commit({ same: '1', changed: '1', 'é/longer': '1', gone: '1', '.gitignore': 'ignored\n' })
    const old = new Date(Date.now() - 60_000)
    for (const file of ['same', 'changed', 'é/longer', 'gone', '.gitignore']) utimesSync(join(path, file), old, old)
    execFileSync('git', ['-C', path, 'update-index', '--refresh'])
    assert.deepEqual(await pathsOf(path), [])
    writeFileSync(join(path, 'changed'), '2')
    writeFileSync(join(path, 'é/longer'), '22')
    rmSync(join(path, 'gone'))
    mkdirSync(join(path, 'new'))
    for (const file of ['new/one', 'ignored']) writeFileSync(join(path, file), '')
    assert.deepEqual(await pathsOf(path), ['changed', 'new/one', 'é/longer'])
    assert.deepEqual(await pathsOf(join(path, 'new'), true), ['changed', 'ignored', 'new/one', 'é/longer'])
  })

  test('leads nowhere else: not through links, settings or submodules', async (t) => {
    const { path, git, commit } = repository(t)
    const outside = directory(t)
    for (const file of ['secret', 'x']) writeFileSync(join(outside, file), '')
    commit({ 'd/secret': 'longer' })
    rmSync(join(path, 'd'), { recursive: true })
    symlinkSync(outside, join(path, 'd'))
    mkdirSync(join(path, 'module'))
    execFileSync('git', ['init', '-q', join(path, 'module')])
    git(['update-index', '--add', '--cacheinfo', `160000,${git(['rev-parse', 'HEAD'])},sub`])
    const { work, skipped } = await listChanged(path)
    assert.deepEqual(work.paths, ['d'])
    assert.deepEqual(skipped.map(({ what }) => what).sort(), ['module/', 'sub'])
    for (const elsewhere of [outside, '/']) {
      execFileSync('git', ['config', '--file', join(path, '.git/config'), 'core.worktree', elsewhere])
      const other = await listChanged(path)
      assert.deepEqual([other.work.paths, other.skipped.map(({ what }) => what)], [[], [path]])
    }
  })

  test('is what the next commit would bring in, by its paths, before the first one too', async (t) => {
    const { path, git, commit } = repository(t)
    const staged = async (): Promise<Report> => scan([await listStaged(path)], { key })
    writeFileSync(join(path, 'a'), secret(1))
    git(['add', 'a'])
    writeFileSync(join(path, 'a'), secret(2))
    assert.deepEqual(
      (await staged()).findings.flatMap(({ places }) => places.map((place) => [place.path, place.commit])),
      [['a', undefined]],
    )
    assert.equal(placesOf(await staged(), 1).length, 1)
    commit({ a: secret(2) })
    assert.deepEqual((await staged()).findings, [])
    for (const file of ['b', 'é c']) writeFileSync(join(path, file), secret(3))
    git(['add', '-A'])
    git(['rm', '-q', 'a'])
    assert.deepEqual(
      placesOf(await staged(), 3).map((place) => place.path),
      ['b', 'é c'],
    )
    assert.deepEqual(placesOf(await staged(), 2), [])
  })

  test('is what a revision has not; one that is none is refused, also one that looks like an option', async (t) => {
    const { path, commit } = repository(t)
    commit({ a: secret(1) })
    commit({ b: secret(2) }, `it is ${secret(3)}`)
    const report = await scan([await listSince(path, 'HEAD~1')], { key })
    assert.deepEqual(
      [1, 2, 3].map((seed) => placesOf(report, seed).length),
      [0, 1, 1],
    )
    for (const revision of ['none', '--all', 'HEAD HEAD~1', '']) await assert.rejects(listSince(path, revision), GitError)
  })
})

describe('a scan of files', () => {
  test('finds secrets in them, in text or not, also in large ones', async (t) => {
    const path = directory(t)
    mkdirSync(join(path, 'deep/er'), { recursive: true })
    writeFileSync(join(path, 'deep/er/x.bin'), Buffer.concat([Buffer.alloc(100), Buffer.from(secret(1)), Buffer.alloc(100)]))
    writeFileSync(join(path, 'large'), `${'line\n'.repeat(2_000_000)}${secret(2)}`)
    const report = await scanFiles(path)
    assert.deepEqual(placesOf(report, 1), [{ path: 'deep/er/x.bin', line: 1, column: 101 }])
    assert.deepEqual(placesOf(report, 2), [{ path: 'large', line: 2_000_001, column: 1 }])
  })

  test('finds secrets between bytes that are no UTF-8, and at the end of a line that is far longer than a part', async (t) => {
    const path = directory(t)
    writeFileSync(
      join(path, 'invalid'),
      Buffer.concat([Buffer.from([0xc3, 0x28, 10, 0xff]), Buffer.from(secret(1)), Buffer.from([0xe2, 0x82])]),
    )
    writeFileSync(join(path, 'line'), Buffer.concat([Buffer.alloc(39 << 20, 'ab,'), Buffer.from(secret(2))]))
    writeFileSync(join(path, 'empty'), '')
    const report = await scanFiles(path)
    assert.deepEqual(placesOf(report, 1), [{ path: 'invalid', line: 2, column: 2 }])
    assert.deepEqual(placesOf(report, 2), [{ path: 'line', line: 1, column: (39 << 20) + 1 }])
    assert.deepEqual(report.skipped, [])
  })

  test('follows no link and says what it passed over', async (t) => {
    const path = directory(t)
    symlinkSync('/', join(path, 'root'))
    symlinkSync('loop', join(path, 'loop'))
    execFileSync('mkfifo', [join(path, 'pipe')])
    writeFileSync(join(path, 'a'), secret(1))
    const report = await scanFiles(path)
    assert.equal(report.findings.length, 1)
    assert.deepEqual(report.skipped.map(({ what }) => what).sort(), ['loop', 'pipe', 'root'])
  })
})

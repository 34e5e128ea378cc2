import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, globSync, mkdirSync, readFileSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { compareObjects } from '../../../src/scanner/past/compare.ts'
import { countIds, sortIds } from '../../../src/scanner/past/ids.ts'
import { type Location, locate } from '../../../src/scanner/past/locate.ts'
import { OtherStore, readObjectStore } from '../../../src/scanner/past/object-store.ts'
import { listObjects } from '../../../src/scanner/sources/git.ts'
import { directory, repository } from '../repository.ts'

const located = async (path: string): Promise<Location> => {
  const location = await locate(path)
  assert.ok(location !== undefined)
  return location
}
const readAll = async (path: string): Promise<string> => {
  const location = await located(path)
  const pieces: Buffer[] = []
  for await (const piece of readObjectStore(location)) pieces.push(Buffer.from(piece))
  const bytes = Buffer.concat(pieces)
  return sortIds({ bytes, width: location.width }).bytes.toString('hex')
}
const listed = async (path: string): Promise<string> => {
  const { ids, width } = await listObjects(path)
  return sortIds({ bytes: Buffer.from(ids), width }).bytes.toString('hex')
}

describe('the objects of a repository, read from its files', () => {
  test('are those that git lists: loose, in packs, both, in none, of a working tree, a bare one and a shallow one', async (t) => {
    const { path, git, commit } = repository(t)
    assert.equal(await readAll(path), '')
    for (const file of ['a', 'b', 'c']) {
      commit({ [file]: file })
      assert.equal(await readAll(path), await listed(path))
      git(['repack', '-q', '-d'])
    }
    git(['multi-pack-index', 'write'])
    commit({ a: 'other' })
    writeFileSync(join(path, '.git/objects/pack/pack-without.idx'), 'no pack')
    for (const name of ['ab', 'zz', `${'ab'.repeat(19)}`.slice(2)]) writeFileSync(join(path, '.git/objects', `${name}.txt`), '')
    const [tree, bare, shallow] = ['tree', 'bare', 'shallow'].map((name) => join(directory(t), name))
    git(['worktree', 'add', '-q', tree ?? ''])
    for (const args of [
      ['--bare', `file://${path}`, bare],
      ['--depth', '1', `file://${path}`, shallow],
    ])
      execFileSync('git', ['clone', '-q', ...args.flatMap((arg) => arg ?? [])])
    for (const one of [path, tree, bare, shallow]) assert.equal(await readAll(one ?? ''), await listed(one ?? ''), one)
  })

  test('are those that git lists where ids are of SHA-256', async (t) => {
    const path = directory(t)
    execFileSync('git', ['init', '-q', '--object-format=sha256', path])
    execFileSync('git', ['-C', path, 'hash-object', '-w', '--stdin'], { input: 'a' })
    assert.match(await readAll(path), /^[0-9a-f]{64}$/)
    assert.equal(await readAll(path), await listed(path))
  })

  test('are asked of git where they are not as they are known here', async (t) => {
    const other = repository(t)
    other.commit({ other: 'other' })
    const { path, git, commit } = repository(t)
    commit({ a: 'a' })
    git(['repack', '-q', '-a', '-d'])
    const objects = join(path, '.git/objects')
    const [index = ''] = globSync(join(objects, 'pack/*.idx'))
    const whole = readFileSync(index)
    const refuses = async (why: string): Promise<void> => {
      await assert.rejects(readAll(path), OtherStore, why)
      const { fresh } = await compareObjects(path, await located(path), { bytes: Buffer.alloc(0), width: 20 })
      assert.equal(fresh.bytes.toString('hex'), await listed(path), why)
    }
    chmodSync(index, 0o600)
    truncateSync(index, 1100)
    await refuses('an index that is cut')
    truncateSync(index, 10)
    await refuses('an index that is cut before its counts end')
    writeFileSync(index, Buffer.concat([whole.subarray(0, 7), Buffer.of(3), whole.subarray(8)]))
    await refuses('an index of another version')
    writeFileSync(index, whole)
    renameSync(index, join(path, 'elsewhere'))
    symlinkSync(join(path, 'elsewhere'), index)
    await refuses('an index that is a link')
    renameSync(join(path, 'elsewhere'), index)
    assert.equal(await readAll(path), await listed(path))
    mkdirSync(join(objects, 'info'), { recursive: true })
    writeFileSync(join(objects, 'info/alternates'), `${join(other.path, '.git/objects')}\n`)
    await refuses('objects of another repository')
    assert.ok((await listed(path)).includes(other.git(['rev-parse', 'HEAD'])), 'git lists them')
  })

  test('are compared with what is known: what is new, and what is gone', async (t) => {
    const { path, git, commit } = repository(t)
    commit({ a: 'a' })
    const before = git(['hash-object', '-w', '--stdin'], 'dangling')
    const known = sortIds({ bytes: Buffer.from((await listObjects(path)).ids), width: 20 })
    const same = await compareObjects(path, await located(path), known)
    assert.deepEqual([countIds(same.fresh), same.gone], [0, 0])
    git(['prune', '--expire=now'])
    const after = git(['hash-object', '-w', '--stdin'], 'new')
    const { fresh, gone, isGone } = await compareObjects(path, await located(path), known)
    const ids = known.bytes.toString('hex').match(/.{40}/g) ?? []
    assert.deepEqual([fresh.bytes.toString('hex'), gone, ids.filter((_, index) => isGone(index))], [after, 1, [before]])
  })
})

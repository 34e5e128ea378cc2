import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { copyFileSync, cpSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import fc from 'fast-check'
import { signCheckpoint, verifierOf } from '../../src/audit/checkpoint.ts'
import { exportLog } from '../../src/audit/export.ts'
import { verifyDirectory } from '../../src/audit/verify.ts'
import { appendNotes, freshDirectory, note, openTestLog, SIGNER } from '../audit/rig.ts'

const VERIFIER = verifierOf(SIGNER)
let directory: string
let earlier: string
let files: string[]

before(async () => {
  const source = freshDirectory()
  const log = await openTestLog(source)
  await appendNotes(log, 300)
  earlier = await log.checkpoint()
  await appendNotes(log, 270)
  await log.close()
  directory = join(freshDirectory(), 'export')
  await exportLog(source, directory)
  files = filesIn(directory)
})

function filesIn(place: string): string[] {
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name).slice(place.length + 1))
    .sort()
}

const verify = () => verifyDirectory(directory, { verifier: VERIFIER, earlier, threads: 0 })

/** Changes a file, looks, and puts it back. */
async function withChanged(
  file: string,
  change: (bytes: Buffer) => Buffer | undefined,
): Promise<Awaited<ReturnType<typeof verify>>> {
  const path = join(directory, file)
  const bytes = readFileSync(path)
  const changed = change(Buffer.from(bytes))
  if (changed === undefined) rmSync(path)
  else writeFileSync(path, changed)
  try {
    return await verify()
  } finally {
    writeFileSync(path, bytes)
  }
}

/** The same history told anew by someone who holds the signing key. */
async function rewritten(entries: readonly string[]): Promise<string> {
  const place = freshDirectory()
  const log = await openTestLog(place)
  await Promise.all(entries.map((entry) => log.append(entry)))
  await log.close()
  return place
}

const history = (count: number) => Array.from({ length: count }, (_, i) => note(i))

describe('G9: any change to a past entry is detected by someone who holds one earlier checkpoint', () => {
  test('untouched, it verifies and extends the earlier checkpoint', async () => {
    assert.deepEqual(files, [
      ...['checkpoint', 'public-key', 'tile/0/000', 'tile/0/001', 'tile/0/002.p/58', 'tile/1/000.p/2'],
      ...['tile/entries/000', 'tile/entries/001', 'tile/entries/002.p/58'],
    ])
    const verified = await verify()
    assert.deepEqual(verified.ok && [verified.size, verified.extendsSize], [570, 300])
  })

  test('one flipped bit, in any byte of any file that it covers, is found', async () => {
    const covered = files.filter((file) => file !== 'public-key')
    const sizes = covered.map((file) => statSync(join(directory, file)).size)
    const places = fc.nat(covered.length - 1).chain((file) => fc.tuple(fc.constant(file), fc.nat((sizes[file] ?? 1) * 8 - 1)))
    await fc.assert(
      fc.asyncProperty(places, async ([file, bit]) => {
        const name = covered[file] ?? ''
        const verified = await withChanged(name, (bytes) => {
          bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
          return bytes
        })
        assert.equal(verified.ok, false, `${name}, bit ${bit}`)
      }),
      { numRuns: 400 },
    )
  })

  test('a file cut short, made longer, emptied or gone is found, and named', async () => {
    for (const file of files.filter((name) => name !== 'public-key')) {
      for (const change of [
        (bytes: Buffer) => bytes.subarray(0, -1),
        (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1)]),
        (bytes: Buffer) => Buffer.concat([bytes, bytes]),
        () => Buffer.alloc(0),
        () => undefined,
      ]) {
        const verified = await withChanged(file, change)
        assert.equal(verified.ok, false, file)
        if (!verified.ok && file.startsWith('tile'))
          assert.ok(verified.place.includes(file) || verified.place.startsWith('entry '), `${file}: ${verified.place}`)
      }
    }
  })

  test('the first changed entry is named', async () => {
    const verified = await withChanged('tile/entries/001', (bytes) => {
      const at = bytes.indexOf('number 300"')
      bytes.write('number 3OO', at)
      return bytes
    })
    assert.deepEqual(verified.ok || verified.place, 'entry 300')
  })

  test('two bundles exchanged are found', async () => {
    const [a, b, c] = ['tile/entries/000', 'tile/entries/001', 'aside'].map((file) => join(directory, file)) as [
      string,
      string,
      string,
    ]
    for (const step of [1, 2]) {
      renameSync(a, c)
      renameSync(b, a)
      renameSync(c, b)
      assert.equal((await verify()).ok, step === 2)
    }
  })

  test('the whole log written anew and signed with the true key does not extend the earlier checkpoint', async () => {
    for (const [place, problem] of [
      [await rewritten(history(570).with(17, note('never happened'))), /first 300 entries are not/],
      [await rewritten(history(570).toSpliced(17, 1)), /first 300 entries are not/],
      [await rewritten(history(299)), /covers 300 entries; the log now ends at 299/],
    ] as const) {
      assert.equal((await verifyDirectory(place, { verifier: VERIFIER })).ok, true)
      const verified = await verifyDirectory(place, { verifier: VERIFIER, earlier })
      assert.match(verified.ok ? '' : verified.problem, problem)
    }
    const true570 = await verifyDirectory(await rewritten(history(570)), { verifier: VERIFIER, earlier })
    assert.equal(true570.ok, true)
  })

  test('the whole log written anew under the old checkpoint is found', async () => {
    const place = await rewritten(history(570).with(400, note('never happened')))
    copyFileSync(join(directory, 'checkpoint'), join(place, 'checkpoint'))
    const verified = await verifyDirectory(place, { verifier: VERIFIER })
    assert.deepEqual(verified.ok || verified.place, 'checkpoint')
  })

  test('an earlier checkpoint that is forged, of another log or damaged proves nothing', async () => {
    const other = { ...SIGNER, name: 'another.test/log' }
    for (const text of [
      '',
      earlier.replace('300', '301'),
      signCheckpoint({ origin: other.name, size: 300, root: Buffer.alloc(32) }, other),
    ]) {
      const verified = await verifyDirectory(directory, { verifier: VERIFIER, earlier: text })
      assert.equal(verified.ok || verified.place, 'earlier checkpoint')
    }
  })

  test('a log of another key in the same place is found by whoever brings the key', async () => {
    const impostor = freshDirectory()
    cpSync(directory, impostor, { recursive: true })
    const other = { name: SIGNER.name, privateKey: generateKeyPairSync('ed25519').privateKey }
    const place = freshDirectory()
    const theirs = await openTestLog(place, { signer: other })
    await appendNotes(theirs, 570)
    await theirs.close()
    assert.equal((await verifyDirectory(place)).ok, true)
    assert.equal((await verifyDirectory(place, { verifier: VERIFIER })).ok, false)
    copyFileSync(join(place, 'checkpoint'), join(impostor, 'checkpoint'))
    assert.equal((await verifyDirectory(impostor, { verifier: VERIFIER })).ok, false)
  })
})

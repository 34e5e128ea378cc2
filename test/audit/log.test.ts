import assert from 'node:assert/strict'
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { signCheckpoint } from '../../src/audit/checkpoint.ts'
import { EMPTY_ROOT } from '../../src/audit/merkle.ts'
import { verifyDirectory } from '../../src/audit/verify.ts'
import { appendNotes, freshDirectory, note, openTestLog, SIGNER, textsOf } from './rig.ts'

test('entries get the indexes of the order they were appended in, and stay', async () => {
  const directory = freshDirectory()
  const log = await openTestLog(directory)
  const indexes = await Promise.all(Array.from({ length: 700 }, (_, i) => log.append(note(i))))
  assert.deepEqual(
    indexes,
    Array.from({ length: 700 }, (_, i) => i),
  )
  await log.close()
  const again = await openTestLog(directory)
  assert.deepEqual(
    await textsOf(again),
    Array.from({ length: 700 }, (_, i) => note(i)),
  )
  assert.equal(await again.append(note(700)), 700)
  await again.close()
  assert.equal((await verifyDirectory(directory)).ok, true)
})

test('many appends that wait share a write', async () => {
  const log = await openTestLog(freshDirectory())
  await appendNotes(log, 512)
  assert.equal(log.counters().batches, 1)
  await log.close()
})

test('appendLater keeps its place among appends', async () => {
  const log = await openTestLog(freshDirectory())
  const first = log.append(note('a'))
  log.appendLater(note('b'))
  assert.deepEqual(await Promise.all([first, log.append(note('c'))]), [0, 2])
  assert.deepEqual(await textsOf(log), [note('a'), note('b'), note('c')])
  log.appendLater(note('d'))
  await log.close()
  assert.equal(log.size(), 4)
})

test('a second opener is refused, and let in once the first has closed', async () => {
  const directory = freshDirectory()
  const log = await openTestLog(directory)
  await assert.rejects(openTestLog(directory), { code: 'audit_unavailable' })
  await appendNotes(log, 3)
  await log.close()
  const next = await openTestLog(directory)
  assert.equal(next.size(), 3)
  await next.close()
})

test('a closed log takes nothing more', async () => {
  const log = await openTestLog(freshDirectory())
  const closing = log.close()
  await assert.rejects(log.append(note(0)), { code: 'audit_unavailable' })
  await closing
  assert.throws(() => log.appendLater(note(0)), { code: 'audit_unavailable' })
  assert.equal(log.status(), 'unavailable')
  assert.equal(await log.grown(0), false)
})

test('an entry that no bundle can hold is refused alone', async () => {
  const log = await openTestLog(freshDirectory())
  const others = appendNotes(log, 2)
  await assert.rejects(log.append('x'.repeat(65_536)), RangeError)
  await assert.rejects(log.append('€'.repeat(21_846)), RangeError)
  await others
  assert.equal(await log.append('€'.repeat(21_845)), 2)
  await log.close()
})

test('the directory is a static log at every checkpoint: full and partial tiles, no leftovers', async () => {
  const directory = freshDirectory()
  const log = await openTestLog(directory)
  for (const count of [1, 254, 1, 1, 300]) {
    await appendNotes(log, count)
    const checkpoint = await log.checkpoint()
    assert.equal(readFileSync(join(directory, 'checkpoint'), 'utf8'), checkpoint)
    assert.deepEqual(await verifyDirectory(directory).then(({ ok }) => ok), true, `at ${log.size()}`)
  }
  const files = readdirSync(join(directory, 'tile'), { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  const paths = files.map((file) => join(file.parentPath, file.name).slice(directory.length + 1)).sort()
  assert.deepEqual(paths, [
    ...['tile/0/000', 'tile/0/001', 'tile/0/002.p/45', 'tile/1/000.p/2'],
    ...['tile/entries/000', 'tile/entries/001', 'tile/entries/002.p/45'],
  ])
  await log.close()
})

test('a checkpoint follows by itself', async () => {
  const directory = freshDirectory()
  const log = await openTestLog(directory, { checkpointMs: 5 })
  await appendNotes(log, 10)
  while (log.counters().published < 10) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.match(readFileSync(join(directory, 'checkpoint'), 'utf8'), /^stint\.test\/audit\n10\n/)
  await log.close()
})

test('an empty log has a checkpoint too', async () => {
  const directory = freshDirectory()
  const log = await openTestLog(directory)
  assert.ok((await log.checkpoint()).startsWith(`${SIGNER.name}\n0\n${EMPTY_ROOT.toString('base64')}\n`))
  await log.close()
  assert.deepEqual((await verifyDirectory(directory)).ok, true)
  await (await openTestLog(directory)).close()
})

test('a long journal is replaced by a short one, and nothing is lost', async () => {
  const directory = freshDirectory()
  const log = await openTestLog(directory)
  const big = (i: number) => note(`${i} ${'x'.repeat(400)}`)
  let sent = 0
  while (sent < 60_000) await Promise.all(Array.from({ length: 1000 }, () => log.append(big(sent++))))
  await log.checkpoint()
  for (let i = 0; i < 10; i++) await log.append(big(sent++))
  const journals = readdirSync(directory).filter((name) => name.startsWith('journal'))
  assert.equal(journals.length, 1)
  assert.ok(statSync(join(directory, journals[0] ?? '')).size < 8 << 20)
  await log.close()
  const again = await openTestLog(directory)
  assert.equal(again.size(), sent)
  assert.equal((await textsOf(again))[31_415], big(31_415))
  await again.close()
})

/** A log of 600 entries, closed; 500 of them under an earlier checkpoint. */
async function closedLog(): Promise<{ directory: string; journal: string; earlier: string }> {
  const directory = freshDirectory()
  const log = await openTestLog(directory)
  await appendNotes(log, 500)
  const earlier = await log.checkpoint()
  await appendNotes(log, 100)
  await log.close()
  return { directory, journal: join(directory, readdirSync(directory).find((name) => name.startsWith('journal')) ?? ''), earlier }
}

test('an unfinished last write is dropped on start, and the log says so', async () => {
  const { directory, journal } = await closedLog()
  const end = readFileSync(journal).findLastIndex((byte) => byte !== 0) + 1
  truncateSync(journal, end)
  appendFileSync(journal, Buffer.from('SJB1 half of a batch'))
  const log = await openTestLog(directory)
  while (log.size() < 601) await log.grown(log.size())
  assert.match(
    (await textsOf(log))[600] ?? '',
    /"code":"torn_write_repaired","detail":"an unfinished write of 20 bytes after entry 599/,
  )
  await log.close()
  assert.equal((await verifyDirectory(directory)).ok, true)
  const again = await openTestLog(directory)
  assert.equal(again.size(), 601)
  await again.close()
})

const flipIn = (file: string, at: number): void => {
  const bytes = readFileSync(file)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(file, bytes)
}

test('everything a crash cannot leave behind is reported as tampering, with its place', async (t) => {
  const harms: Record<string, [place: RegExp, harm: (at: Awaited<ReturnType<typeof closedLog>>) => void]> = {
    'the journal is gone': [/^journal/, ({ journal }) => rmSync(journal)],
    'the journal is empty': [/^journal-/, ({ journal }) => truncateSync(journal, 0)],
    'an entry in the journal is changed': [/^journal/, ({ journal }) => flipIn(journal, 400)],
    'the end of the journal is cut off': [
      /^journal/,
      ({ journal }) => writeFileSync(journal, readFileSync(journal).subarray(0, 24)),
    ],
    'the checkpoint is gone': [/^checkpoint/, ({ directory }) => rmSync(join(directory, 'checkpoint'))],
    'the checkpoint is changed': [/^checkpoint/, ({ directory }) => flipIn(join(directory, 'checkpoint'), 20)],
    'the checkpoint is an older one': [
      /^checkpoint/,
      ({ directory, earlier }) => writeFileSync(join(directory, 'checkpoint'), earlier),
    ],
    'the checkpoint is of another tree': [
      /^checkpoint/,
      ({ directory }) =>
        writeFileSync(
          join(directory, 'checkpoint'),
          signCheckpoint({ origin: SIGNER.name, size: 600, root: Buffer.alloc(32) }, SIGNER),
        ),
    ],
    'the checkpoint covers more than is there': [
      /^journal/,
      ({ directory }) =>
        writeFileSync(
          join(directory, 'checkpoint'),
          signCheckpoint({ origin: SIGNER.name, size: 601, root: Buffer.alloc(32) }, SIGNER),
        ),
    ],
    'a hash tile is changed': [/^checkpoint/, ({ directory }) => flipIn(join(directory, 'tile/0/001'), 100)],
    'a hash tile is gone': [/^tile\/0\/000/, ({ directory }) => rmSync(join(directory, 'tile/0/000'))],
    'a partial bundle is changed': [
      /^tile\/entries\/002\.p\/88/,
      ({ directory }) => flipIn(join(directory, 'tile/entries/002.p/88'), 9),
    ],
    'a partial tile is gone': [/^tile\/0\/002\.p\/88/, ({ directory }) => rmSync(join(directory, 'tile/0/002.p/88'))],
    'the public key is another': [
      /^public-key/,
      ({ directory }) => writeFileSync(join(directory, 'public-key'), 'x+00000000+AA==\n'),
    ],
  }
  for (const [name, [place, harm]] of Object.entries(harms)) {
    await t.test(name, async () => {
      const at = await closedLog()
      harm(at)
      await assert.rejects(openTestLog(at.directory), (error: { code: string; place: string }) => {
        assert.equal(error.code, 'audit_tampered')
        assert.match(error.place, place)
        return true
      })
    })
  }
})

test('an older journal that a crash left beside the newest is not used', async () => {
  const { directory, journal } = await closedLog()
  const old = join(directory, 'journal-000000000001')
  writeFileSync(old, readFileSync(journal).subarray(0, 24))
  writeFileSync(`${journal}.tmp`, 'never finished')
  const log = await openTestLog(directory)
  assert.equal(log.size(), 600)
  assert.ok(!existsSync(old))
  await log.close()
})

test('a log moved to another place goes on', async () => {
  const { directory } = await closedLog()
  const place = join(freshDirectory(), 'moved')
  renameSync(directory, place)
  const log = await openTestLog(place)
  assert.equal(await log.append(note('after')), 600)
  await log.close()
  assert.equal((await verifyDirectory(place)).ok, true)
})

test('files are for the owner alone', async () => {
  const { directory, journal } = await closedLog()
  for (const file of [journal, join(directory, 'checkpoint'), join(directory, 'tile/entries/000')]) {
    assert.equal(statSync(file).mode & 0o077, 0, file)
  }
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkBundle } from '../../src/audit/check.ts'
import { hashLeaves } from '../../src/audit/edge.ts'
import { exportLog } from '../../src/audit/export.ts'
import { createRecorder } from '../../src/audit/record.ts'
import { createSettle } from '../../src/audit/settle.ts'
import { splitBundle } from '../../src/audit/tiles.ts'
import { openTree } from '../../src/audit/tree.ts'
import { verifyDirectory } from '../../src/audit/verify.ts'
import { appendNotes, decided, digest, freshDirectory, NOW, note, openTestLog, SIGNER } from './rig.ts'

const now = () => NOW

async function logOf(entries: readonly string[]): Promise<string> {
  const directory = freshDirectory()
  const log = await openTestLog(directory)
  await Promise.all(entries.map((entry) => log.append(entry)))
  await log.close()
  return directory
}

/** The texts the recorder writes for one allowed and one denied request and the allowed one's outcome. */
async function exchange(): Promise<{ allow: string; deny: string; outcome: string }> {
  const texts: string[] = []
  const log = { append: async (entry: string) => texts.push(entry) - 1, appendLater: (entry: string) => void texts.push(entry) }
  const recorder = createRecorder(log, { now, digest })
  const permit = await recorder.record(decided())
  await recorder.record(decided({ effect: 'deny' }))
  assert.ok(permit)
  createSettle(log, { now })(permit, { result: 'completed', status: 200, bytesIn: 5, bytesOut: 7, durationMs: 3 })
  const [allow = '', deny = '', outcome = ''] = texts
  return { allow, deny, outcome }
}

test('what recorder and settle write verifies, on this thread and on others', async () => {
  const directory = freshDirectory()
  const log = await openTestLog(directory)
  const [recorder, settle] = [createRecorder(log, { now, digest }), createSettle(log, { now })]
  for (let i = 0; i < 10; i++) {
    const permits = await Promise.all(Array.from({ length: 600 }, () => recorder.record(decided({ correlationId: `é ${i}` }))))
    for (const permit of permits) if (permit) settle(permit, { result: 'completed', bytesIn: 1, bytesOut: 2, durationMs: 3 })
  }
  await appendNotes(log, 5000)
  await log.close()
  for (const threads of [1, 2, 3]) {
    const verified = await verifyDirectory(directory, { threads })
    assert.deepEqual(verified.ok && verified.size, 17_000, JSON.stringify(verified))
  }
  const bundle = join(directory, 'tile/entries/050')
  const bytes = readFileSync(bundle)
  writeFileSync(bundle, bytes.fill(0x20, 5000, 5001))
  const found = await Promise.all([1, 2].map((threads) => verifyDirectory(directory, { threads })))
  assert.ok(!found[0]?.ok && found[0]?.place.startsWith('entry 128'))
  assert.deepEqual(found[0], found[1])
})

test('an entry that is not UTF-8 is reported', async () => {
  const directory = await logOf([note(0), note('abc')])
  const bytes = readFileSync(join(directory, 'tile/entries/000.p/2'))
  bytes[bytes.length - 4] = 0xff
  assert.throws(() => checkBundle(bytes, hashLeaves(bytes, splitBundle(bytes, 2, 'x')), 0, 2, Buffer.alloc(32), []), {
    place: 'entry 1',
  })
})

test('an outcome must name an earlier allow', async () => {
  const { allow, deny, outcome } = await exchange()
  const naming = (decision: number) => outcome.replace('"decision":0', `"decision":${decision}`)
  assert.equal((await verifyDirectory(await logOf([allow, outcome]))).ok, true)
  for (const entries of [
    [outcome, allow],
    [deny, outcome],
    [outcome],
    [allow, naming(1)],
    [allow, naming(2), allow],
    [allow, naming(9e14)],
  ]) {
    const verified = await verifyDirectory(await logOf(entries))
    assert.match(verified.ok ? '' : verified.problem, /no earlier allow/)
  }
})

test('an entry that Stint does not write is reported with its number', async () => {
  const good = note(1)
  for (const bad of [
    '{}',
    '',
    good.replace('"v":1', '"v":1.0'),
    good.replace('"code"', '"c\\u006fde"'),
    good.replace('2026-11', '2026-99').replace('number', 'n\\"'),
  ]) {
    const verified = await verifyDirectory(await logOf([good, good, bad, good]))
    assert.equal(verified.ok || verified.place, 'entry 2', bad)
  }
})

test('a directory that is no log is reported', async () => {
  const verified = await verifyDirectory(freshDirectory())
  assert.equal(verified.ok || verified.place.endsWith('public-key'), true)
  const directory = await logOf([note(0)])
  rmSync(join(directory, 'checkpoint'))
  const without = await verifyDirectory(directory)
  assert.equal(without.ok || without.place, 'checkpoint')
})

test('an export is complete, and stands without the log', async () => {
  const directory = freshDirectory()
  const log = await openTestLog(directory)
  await appendNotes(log, 257)
  const checkpoint = await log.checkpoint()
  await appendNotes(log, 10)
  const destination = join(freshDirectory(), 'a', 'b')
  assert.equal(await exportLog(directory, destination), 257)
  await log.close()
  rmSync(directory, { recursive: true })
  assert.equal(readFileSync(join(destination, 'checkpoint'), 'utf8'), checkpoint)
  const verified = await verifyDirectory(destination)
  assert.equal(verified.ok && verified.size, 257)
  await assert.rejects(exportLog(destination, destination), { code: 'invalid_argument' })
})

test('a log that is being written can be verified and exported meanwhile', async () => {
  const directory = freshDirectory()
  const pem = SIGNER.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'appender.ts'), directory, 'busy', pem], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(writer, 'exit')
  try {
    while (!existsSync(join(directory, 'checkpoint'))) await once(writer.stdout, 'data')
    writer.stdout.resume()
    for (let i = 0; i < 20; i++) {
      const verified = await verifyDirectory(directory, { threads: 1 })
      assert.ok(verified.ok, JSON.stringify(verified))
    }
    // Often enough that a checkpoint is replaced while its partial tiles are being read.
    for (let i = 0; i < 4000; i++) openTree(directory)
    const destination = freshDirectory()
    await exportLog(directory, destination)
    assert.equal((await verifyDirectory(destination, { threads: 1 })).ok, true)
  } finally {
    writer.kill('SIGKILL')
    await exited
  }
})

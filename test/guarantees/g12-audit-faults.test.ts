import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { describe, test } from 'node:test'
import type { Log } from '../../src/audit/log.ts'
import { verifyDirectory } from '../../src/audit/verify.ts'
import { createFaultyDisk, type Fault, type FaultyDisk } from '../audit/faulty-disk.ts'
import { freshDirectory, note, openTestLog, textsOf } from '../audit/rig.ts'

/** Nothing is really synced here, so that memory serves where there is a file system in it. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

interface Played {
  /** Text by index, of every append that was acknowledged. */
  readonly acknowledged: Map<number, string>
  /** Entries nobody waited for. */
  readonly later: string[]
  readonly checkpoints: string[]
}

/** What happens to a log in its life, in small: appends one by one and together, bundles, checkpoints, a restart, a close. */
async function play(directory: string, disk: FaultyDisk): Promise<Played> {
  const played: Played = { acknowledged: new Map(), later: [], checkpoints: [] }
  for (const [run, counts] of [[1, 256], [2]].entries()) {
    const log = await openTestLog(directory, { disk }).catch(() => undefined)
    if (log === undefined) continue
    for (const count of counts) {
      await appendAll(log, `${run}-${count}`, count, played)
      await log.checkpoint().then(
        (text) => played.checkpoints.push(text),
        () => undefined,
      )
      await recovered(log, disk)
    }
    await log.close().catch(() => undefined)
  }
  return played
}

async function appendAll(log: Log, name: string, count: number, { acknowledged, later }: Played): Promise<void> {
  const appends = Array.from({ length: count }, async (_, i) => {
    const text = note(`${name} ${i}`)
    await log.append(text).then(
      (index) => acknowledged.set(index, text),
      () => undefined,
    )
  })
  later.push(note(`${name} later`))
  log.appendLater(note(`${name} later`))
  await Promise.all(appends)
}

/** Waits until the log works again, which a stopped machine never does. */
async function recovered(log: Log, disk: FaultyDisk): Promise<void> {
  for (let tries = 0; !disk.stopped() && (log.status() !== 'ok' || log.counters().waiting > 0); tries++) {
    assert.ok(tries < 4000, 'the log has not recovered')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** After whatever happened: opens the directory on a sound disk and looks at everything. */
async function look(directory: string, { acknowledged, checkpoints }: Played): Promise<string[]> {
  const log = await openTestLog(directory, { disk: createFaultyDisk() })
  const texts = await textsOf(log)
  for (const [index, text] of acknowledged) assert.equal(texts[index], text, `entry ${index} was acknowledged`)
  assert.equal(
    new Set(texts.filter((text) => text.includes('"note"'))).size,
    texts.filter((text) => text.includes('"note"')).length,
    'nothing is there twice',
  )
  await log.append(note('the log goes on'))
  await log.close()
  for (const earlier of [checkpoints.at(0), checkpoints.at(-1)]) {
    const verified = await verifyDirectory(directory, { earlier, threads: 1 })
    assert.deepEqual(verified.ok || verified, true)
  }
  return texts
}

/** A few cases at once: most of their time is waiting for the log to try again. */
async function eachStep(
  faults: readonly Fault[],
  check: (fault: Fault, step: number, name: string) => Promise<void>,
): Promise<void> {
  const whole = createFaultyDisk()
  await play(freshDirectory(), whole)
  assert.ok(whole.steps.length > 50, `${whole.steps.length} steps`)
  for (const verb of ['create', 'write', 'sync', 'rename', 'syncDirectory', 'remove', 'makeDirectory'])
    assert.ok(whole.steps.includes(verb), verb)
  for (const fault of faults) {
    const cases = [...whole.steps.entries()].filter(([, name]) => fault !== 'half is written' || name === 'write').values()
    const work = async () => {
      for (const [step, name] of cases) await check(fault, step, `${fault} at step ${step}, ${name}`)
    }
    await Promise.all(Array.from({ length: 12 }, work))
  }
}

async function survive(fault: Fault, step: number, name: string): Promise<{ texts: string[]; played: Played; disk: FaultyDisk }> {
  const directory = freshDirectory(MEMORY)
  const disk = createFaultyDisk(step, fault)
  try {
    const played = await play(directory, disk)
    return { texts: await look(directory, played), played, disk }
  } catch (cause) {
    throw new Error(`${name}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  } finally {
    rmSync(directory, { recursive: true })
  }
}

describe('G12: the audit log loses no acknowledged entry', () => {
  test('whichever step of the disk fails, whether or not it was done, the log recovers by itself and keeps what nobody waited for', async () => {
    await eachStep(['fails', 'fails but was done'], async (fault, step, name) => {
      const { texts, played } = await survive(fault, step, name)
      for (const text of played.later) assert.ok(texts.includes(text), `${name}: ${text} was kept`)
      const order = played.later.map((text) => texts.indexOf(text))
      assert.deepEqual(
        order,
        [...order].sort((a, b) => a - b),
        `${name}: in order`,
      )
    })
  })

  test('wherever power is lost or the process dies, a restart has everything that was acknowledged', async () => {
    await eachStep(['power is lost', 'process dies', 'half is written'], async (fault, step, name) => {
      const { disk } = await survive(fault, step, name)
      assert.ok(disk.stopped(), name)
    })
  })

  test('a full disk refuses appends, keeps reads, and is over when there is room', async () => {
    const disk = createFaultyDisk()
    const directory = freshDirectory()
    const log = await openTestLog(directory, { disk })
    assert.equal(await log.append(note('before')), 0)
    disk.fill()
    await assert.rejects(log.append(note('lost')), { code: 'audit_unavailable' })
    assert.equal(log.status(), 'unavailable')
    await assert.rejects(log.append(note('lost at once')), { code: 'audit_unavailable' })
    await assert.rejects(log.checkpoint(), { code: 'audit_unavailable' })
    log.appendLater(note('kept 1'))
    log.appendLater(note('kept 2'))
    assert.deepEqual(await textsOf(log), [note('before')])
    await new Promise((resolve) => setTimeout(resolve, 250))
    assert.equal(log.status(), 'unavailable')
    disk.free()
    await recovered(log, disk)
    const texts = await textsOf(log)
    assert.deepEqual(texts.slice(0, 3), [note('before'), note('kept 1'), note('kept 2')])
    assert.match(texts[3] ?? '', /"log_recovered"/)
    assert.equal(texts.length, 4)
    assert.deepEqual([log.counters().outages, log.counters().refused], [1, 2])
    await log.close()
    assert.equal((await verifyDirectory(directory)).ok, true)
  })

  test('what nobody waits for keeps its place, also when the write before it fails', async () => {
    const whole = createFaultyDisk()
    await (await openTestLog(freshDirectory(), { disk: whole })).append(note(0))
    for (let step = whole.steps.length - 2; step < whole.steps.length; step++) {
      const disk = createFaultyDisk(step)
      const log = await openTestLog(freshDirectory(), { disk })
      log.appendLater(note('first'))
      await new Promise((resolve) => setImmediate(resolve))
      log.appendLater(note('second'))
      await recovered(log, disk)
      assert.deepEqual((await textsOf(log)).slice(0, 2), [note('first'), note('second')])
      assert.equal(log.counters().outages, 1)
      await log.close()
    }
  })

  test('a log closed while the disk is full says what it could not write', async () => {
    const disk = createFaultyDisk()
    const directory = freshDirectory()
    const log = await openTestLog(directory, { disk })
    await log.append(note('before'))
    disk.fill()
    log.appendLater(note('lost'))
    await assert.rejects(log.append(note('refused')), { code: 'audit_unavailable' })
    await assert.rejects(log.close(), { code: 'audit_unavailable' })
    const again = await openTestLog(directory)
    assert.deepEqual(await textsOf(again), [note('before')])
    await again.close()
  })

  test('a log opened on a full disk waits for room', async () => {
    const directory = freshDirectory()
    await (await openTestLog(directory)).close()
    const disk = createFaultyDisk()
    const opening = openTestLog(directory, { disk })
    disk.fill()
    const log = await opening
    await assert.rejects(log.append(note('refused')), { code: 'audit_unavailable' })
    disk.free()
    await recovered(log, disk)
    await log.append(note('after'))
    await log.close()
  })
})

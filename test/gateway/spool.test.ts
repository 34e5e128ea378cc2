import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import type { Arrival } from '../../src/gateway/arrival.ts'
import { createSpools } from '../../src/gateway/spool.ts'
import { NO_PREFIX } from '../../src/gateway/upload.ts'
import { readWhole } from '../../src/gateway/whole-body.ts'
import { temporaryDirectory } from '../store/temporary.ts'

const MIB = 1 << 20
const flow = { isCut: false }
const BOUNDS = { mostOfTask: 100 * MIB, mostOfAll: 200 * MIB }

async function play(t: TestContext, bounds: Partial<typeof BOUNDS> = {}) {
  const directory = join(await temporaryDirectory(t), 'spool')
  return { directory, spools: createSpools({ directory, ...BOUNDS, ...bounds }) }
}

/** A client that sends so many chunks as they are asked for, the number of each in its first bytes. */
function sending(chunks: number, bytes: number) {
  const sent = { chunks: 0 }
  const body = new Readable({
    highWaterMark: bytes,
    read() {
      if (sent.chunks === chunks) return void this.push(null)
      const chunk = Buffer.alloc(bytes, 'kettle ')
      chunk.writeUInt32BE(sent.chunks++)
      this.push(chunk)
    },
  })
  const arrival = { body, expectsContinue: false } as unknown as Arrival
  return { arrival, sent }
}

/** The one file below the directory that this process has open. */
function openFile(directory: string): string {
  const found = readdirSync('/proc/self/fd').find((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory)
    } catch {
      return false // the one that lists them
    }
  })
  assert.ok(found !== undefined)
  return `/proc/self/fd/${found}`
}

describe('a body that is too long for memory', () => {
  test('is read no faster than the disk takes it, and read back one part at a time', async (t) => {
    const { spools } = await play(t)
    const { arrival, sent } = sending(1024, MIB / 16)
    let most = 0
    const openSpool = async () => {
      const spool = await spools.open('task_1')
      let kept = 0
      return {
        ...spool,
        async append(part: Buffer) {
          most = Math.max(most, sent.chunks * (MIB / 16) - kept)
          await spool.append(part)
          kept += part.length
        },
      }
    }
    const whole = await readWhole(arrival, NO_PREFIX, { said: 0, most: 64 * MIB, flow, openSpool })
    assert.equal(whole.size, 64 * MIB)
    assert.ok(most <= 2 * MIB, `${most} bytes were in memory`)
    let ahead = 0
    for await (const chunk of whole.source) {
      assert.equal(chunk.readUInt32BE(), Math.floor(ahead / (MIB / 16)))
      assert.ok(whole.source.readableLength <= 2 * MIB)
      ahead += chunk.length
    }
    assert.equal(ahead, 64 * MIB)
    await whole.close()
  })

  test('has the digest of all its bytes, and comes back the same', async (t) => {
    const { spools } = await play(t)
    const bytes = Buffer.alloc(3 * MIB + 5, 'kettle')
    const arrival = { body: Readable.from([bytes]), expectsContinue: false } as unknown as Arrival
    const whole = await readWhole(arrival, NO_PREFIX, { said: 0, most: 4 * MIB, flow, openSpool: () => spools.open('task_1') })
    assert.equal(whole.digest, hash('sha256', bytes, 'hex'))
    assert.ok(Buffer.concat(await whole.source.toArray()).equals(bytes))
    await whole.close()
  })

  test('is not read on when its request is cut', async (t) => {
    const { spools } = await play(t, { mostOfAll: 8 * MIB })
    const { arrival, sent } = sending(1024, MIB / 16)
    const cut = {
      get isCut() {
        return sent.chunks > 40
      },
    }
    const room = { said: 0, most: 64 * MIB, flow: cut, openSpool: () => spools.open('task_1') }
    await assert.rejects(readWhole(arrival, NO_PREFIX, room), { code: 'revoked' })
    assert.ok(sent.chunks < 60, `${sent.chunks} parts were read`)
    const after = await spools.open('task_2')
    await after.append(Buffer.alloc(8 * MIB)) // all of the disk is free again
    await after.close()
  })

  test('has no name on the disk, and nothing there can be read', async (t) => {
    const { directory, spools } = await play(t)
    const spool = await spools.open('task_1')
    await spool.append(Buffer.alloc(MIB, 'kettle '))
    assert.deepEqual(readdirSync(directory), [])
    const kept = readFileSync(openFile(directory))
    assert.equal(kept.length, MIB + 16)
    assert.equal(kept.includes('kettle'), false)
    await spool.close()
  })

  test('is not sent where somebody changed it, or cut it off', async (t) => {
    const { directory, spools } = await play(t)
    for (const change of [(kept: Buffer) => kept.fill(0, 2 * MIB, 2 * MIB + 1), (kept: Buffer) => kept.subarray(0, MIB)]) {
      const spool = await spools.open('task_1')
      for (let part = 0; part < 3; part++) await spool.append(Buffer.alloc(MIB, 'kettle '))
      const path = openFile(directory)
      const kept = readFileSync(path)
      writeFileSync(path, change(kept))
      await assert.rejects(spool.read().toArray(), { code: 'store_unavailable' })
      await spool.close()
    }
  })

  test('is refused beyond what a body, a task and all may take, and what is closed is free again', async (t) => {
    const { spools } = await play(t, { mostOfTask: 3 * MIB, mostOfAll: 4 * MIB })
    const [one, two, other] = [await spools.open('task_1'), await spools.open('task_1'), await spools.open('task_2')]
    const part = Buffer.alloc(MIB)
    await one.append(part)
    await two.append(part)
    await two.append(part)
    await assert.rejects(one.append(part), { code: 'body_too_large' })
    await other.append(part)
    await assert.rejects(other.append(part), { code: 'store_unavailable', detail: /approvalSpoolBytes/ })
    await two.close()
    await two.close()
    await other.append(part)
    await one.append(part)
    await one.close()
    await other.close()
  })

  test('is refused before it is read where it says that it is too long, and while it is where it does not', async (t) => {
    const { spools } = await play(t)
    const rules = { most: 2 * MIB, flow, openSpool: () => spools.open('task_1') }
    const saying = sending(64, MIB)
    await assert.rejects(readWhole(saying.arrival, NO_PREFIX, { said: 2 * MIB + 1, ...rules }), { code: 'body_too_large' })
    assert.equal(saying.sent.chunks, 0)
    const silent = sending(64, MIB)
    await assert.rejects(readWhole(silent.arrival, NO_PREFIX, { said: 0, ...rules }), { code: 'body_too_large' })
    assert.ok(silent.sent.chunks < 8)
  })

  test('that breaks off is malformed, and takes nothing of the disk any more', async (t) => {
    const { spools } = await play(t, { mostOfTask: 8 * MIB, mostOfAll: 8 * MIB })
    for (let time = 0; time < 3; time++) {
      const { arrival } = sending(6, MIB)
      const openSpool = async () => {
        arrival.body.destroy()
        return spools.open('task_1')
      }
      await assert.rejects(readWhole(arrival, NO_PREFIX, { said: 0, most: 8 * MIB, flow, openSpool }), {
        code: 'malformed_request',
      })
    }
    const spool = await spools.open('task_1')
    await spool.append(Buffer.alloc(8 * MIB))
    await spool.close()
  })

  test('is refused when the disk is full, in words that do not say where it is', async (t) => {
    const { directory, spools } = await play(t)
    const spool = await spools.open('task_1')
    await using file = await open('/dev/null')
    const full = Object.assign(new Error(`ENOSPC: ${directory}`), { code: 'ENOSPC' })
    t.mock.method(Object.getPrototypeOf(file), 'write', () => Promise.reject(full))
    await assert.rejects(spool.append(Buffer.alloc(MIB)), (thrown: { code: string; detail: string }) => {
      assert.equal(thrown.code, 'store_unavailable')
      assert.match(thrown.detail, /the disk is full$/)
      return !thrown.detail.includes(directory)
    })
    await spool.close()
  })
})

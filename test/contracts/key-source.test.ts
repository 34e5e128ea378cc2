import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { KeySource, RecordKey } from '../../src/credentials/key-source.ts'
import { commandKeys } from '../../src/credentials/keys/command.ts'
import { fileKeys } from '../../src/credentials/keys/file.ts'
import { kindOf } from '../../src/credentials/keys.ts'
import { transitSource } from '../credentials/sources.ts'
import { startTransit } from '../fakes/transit.ts'
import { temporaryDirectory } from '../store/temporary.ts'

/** Each kind, as a vault would have it, and what has to happen before it can renew its key. */
const SOURCES: Readonly<Record<string, (t: TestContext) => Promise<{ source: KeySource; beforeRenewal(): void }>>> = {
  async file(t) {
    return { source: fileKeys(join(await temporaryDirectory(t), 'vault.key')), beforeRenewal: () => undefined }
  },
  async command() {
    let key = randomBytes(32)
    const source = commandKeys(async () => key.toString('base64'))
    const beforeRenewal = (): void => {
      key = randomBytes(32)
    }
    return { source, beforeRenewal }
  },
  async transit(t) {
    const transit = await startTransit()
    t.after(() => transit.close())
    return { source: transitSource(transit), beforeRenewal: () => undefined }
  },
}

const recordOf = (number: number): RecordKey => ({ id: `record-${number}`, version: number, key: randomBytes(32) })

for (const [kind, open] of Object.entries(SOURCES)) {
  describe(`the key source ${kind}`, () => {
    test('unwraps what it wrapped, in order, in texts that are known for its own', async (t) => {
      const { source } = await open(t)
      await source.open(false)
      const records = Array.from({ length: 1003 }, (_, number) => recordOf(number))
      const wrapped = await source.wrap(records)
      for (const text of wrapped) assert.equal(kindOf(text), kind)
      for (const { key } of records.slice(0, 10)) assert.ok(!wrapped.join().includes(key.toString('base64url')))
      const keys = await source.unwrap(records.map(({ id, version }, at) => ({ id, version, wrapped: wrapped[at] ?? '' })))
      assert.deepEqual(
        keys,
        records.map(({ key }) => key),
      )
    })

    test('unwraps nothing for another record or version, and nothing that was changed, beside what is right', async (t) => {
      const { source } = await open(t)
      await source.open(false)
      const right = recordOf(1)
      const [wrapped = ''] = await source.wrap([right])
      const end = wrapped.length - 6
      const flipped = `${wrapped.slice(0, end)}${wrapped[end] === 'A' ? 'B' : 'A'}${wrapped.slice(end + 1)}`
      const keys = await source.unwrap([
        { ...right, wrapped },
        { ...right, id: 'record-2', wrapped },
        { ...right, version: 2, wrapped },
        { ...right, wrapped: flipped },
        { ...right, wrapped: wrapped.slice(0, end) },
      ])
      assert.deepEqual(keys, [right.key, undefined, undefined, undefined, undefined])
    })

    test('renewed, wraps under another key and unwraps what the old one wrapped until it forgets', async (t) => {
      const { source, beforeRenewal } = await open(t)
      await source.open(false)
      const record = recordOf(1)
      const [old = ''] = await source.wrap([record])
      beforeRenewal()
      await source.renew()
      const [renewed = ''] = await source.wrap([record])
      const keyId = (text: string) => text.slice(0, text.search(/[.:][^.:]*$/))
      assert.notEqual(keyId(renewed), keyId(old))
      assert.deepEqual(await source.unwrap([old, renewed].map((wrapped) => ({ ...record, wrapped }))), [record.key, record.key])
      await source.forget(false)
      assert.deepEqual(await source.unwrap([{ ...record, wrapped: renewed }]), [record.key])
    })
  })
}

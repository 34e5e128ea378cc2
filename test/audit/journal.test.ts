import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AuditError } from '../../src/audit/error.ts'
import { createEncoder, decodeBatch, joinBatch, readJournal } from '../../src/audit/journal.ts'
import { note } from './rig.ts'

const ENTRIES = Array.from({ length: 6 }, (_, i) => note(i))
const BATCHES = [
  joinBatch(0, 0, []),
  createEncoder()(0, ENTRIES.slice(0, 3)).bytes,
  createEncoder()(3, ENTRIES.slice(3, 5)).bytes,
  createEncoder()(5, ENTRIES.slice(5)).bytes,
]
const END = BATCHES.reduce((sum, { length }) => sum + length, 0)
const LAST = END - (BATCHES.at(-1)?.length ?? 0)
const JOURNAL = Buffer.concat([...BATCHES, Buffer.alloc(500)])
const countIn = (bytes: Buffer) => readJournal(bytes, 'j').batches.reduce((sum, { count }) => sum + count, 0)

test('a journal reads back as it was written', () => {
  const { batches, tornBytes } = readJournal(JOURNAL, 'j')
  assert.equal(tornBytes, 0)
  assert.deepEqual(
    batches.map(({ first, count }) => [first, count]),
    [
      [0, 0],
      [0, 3],
      [3, 2],
      [5, 1],
    ],
  )
  assert.deepEqual(
    batches.map(({ body }) => body),
    BATCHES.map((bytes) => bytes.subarray(24)),
  )
})

test('cut off anywhere, it gives every whole batch and calls the rest torn', () => {
  const ends = BATCHES.map((_, i) => BATCHES.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0))
  for (let length = ends[0] ?? 0; length < END; length++) {
    const { batches, tornBytes } = readJournal(JOURNAL.subarray(0, length), 'j')
    const whole = ends.filter((end) => end <= length)
    assert.equal(batches.length, whole.length)
    assert.equal(tornBytes, length - (whole.at(-1) ?? 0))
  }
})

test('a last batch of which only some pages arrived is torn, and the file is otherwise used', () => {
  const torn = Buffer.from(JOURNAL)
  torn.fill(0, LAST, LAST + 30)
  assert.deepEqual([countIn(torn), readJournal(torn, 'j').tornBytes > 0], [5, true])
  torn.fill(0, LAST)
  assert.deepEqual([countIn(torn), readJournal(torn, 'j').tornBytes], [5, 0])
})

test('a flipped bit before the last batch is tampering, wherever it is', () => {
  for (let bit = 0; bit < LAST * 8; bit++) {
    const changed = Buffer.from(JOURNAL)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.throws(() => readJournal(changed, 'j'), { code: 'audit_tampered' }, `bit ${bit}`)
  }
})

test('a batch left out, repeated or swapped is tampering', () => {
  const [carry = Buffer.alloc(0), a = carry, b = carry, c = carry] = BATCHES
  for (const order of [
    [carry, a, c],
    [carry, a, b, b, c],
    [carry, b, a, c],
    [carry, a, b, c, a],
  ]) {
    assert.throws(() => readJournal(Buffer.concat(order), 'j'), { code: 'audit_tampered' })
  }
})

test('a batch whose sum is right but whose lengths are not is tampering', () => {
  const bad = joinBatch(0, 2, [Buffer.from([0, 9, 1])])
  assert.throws(() => readJournal(bad, 'j'), { code: 'audit_tampered' })
  assert.throws(() => readJournal(joinBatch(0, 0, [Buffer.from('x')]), 'j'), { code: 'audit_tampered' })
})

test('an entry cannot pass for a batch', () => {
  const inside = createEncoder()(1, [note('inner')]).bytes.toString('latin1')
  const outer = createEncoder()(0, [JSON.stringify({ inside }), note(1)]).bytes
  const torn = outer.subarray(0, outer.length - 1)
  assert.equal(readJournal(Buffer.concat([joinBatch(0, 0, []), torn]), 'j').tornBytes, torn.length)
})

test('whatever the bytes, reading ends in a journal or in audit_tampered', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(fc.nat(END), fc.uint8Array({ maxLength: 40 })).map(([at, put]) => {
      const changed = Buffer.from(JOURNAL)
      changed.set(put.subarray(0, changed.length - at), at)
      return changed
    }),
    fc.tuple(fc.nat(2 ** 32 - 1), fc.nat(2 ** 32 - 1)).map(([count, length]) => {
      const changed = Buffer.from(JOURNAL)
      changed.writeUInt32BE(count, 16)
      changed.writeUInt32BE(length, 20)
      return changed
    }),
  )
  fc.assert(
    fc.property(anything, fc.nat(600), (bytes, at) => {
      decodeBatch(bytes, at)
      try {
        readJournal(bytes, 'j')
      } catch (error) {
        assert.ok(error instanceof AuditError && error.code === 'audit_tampered', String(error))
      }
    }),
    { numRuns: 1000 },
  )
})

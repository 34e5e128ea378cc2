import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { type EntryKind, FIELDS, parseEntry } from '../../src/audit/entry.ts'
import { fastPattern } from '../../src/audit/pattern.ts'
import { Permit } from '../../src/audit/permit.ts'
import { createRecorder, type Decidable } from '../../src/audit/record.ts'
import { createSettle } from '../../src/audit/settle.ts'
import { systemEntry, timestamp } from '../../src/audit/spell.ts'
import { decided, digest, NOW } from './rig.ts'

/** Everything the writers write for these facts. */
async function written(facts: Decidable, text: string): Promise<string[]> {
  const entries: string[] = []
  const log = {
    append: async (entry: string) => entries.push(entry) - 1,
    appendLater: (entry: string) => void entries.push(entry),
  }
  const now = () => NOW
  const recorder = createRecorder(log, { now, digest })
  await recorder.record(facts)
  const { caller } = facts
  await recorder.recordAttempt({ correlationId: text, caller: { ...caller, taskId: text }, code: text, detail: text })
  await recorder.recordAttempt({ correlationId: text, code: text, detail: text })
  const about = { owner: text, task: text, target: text, subject: text, reason: text, correlationId: text, code: text }
  await recorder.recordAct({ action: text, caller, ...about, details: { [text]: text, a: text } })
  await recorder.recordAct({ action: text })
  await recorder.recordSystem(text, text)
  const settle = createSettle(log, { now })
  settle(
    Permit.grant(0, facts),
    { result: 'completed', status: 200, bytesIn: 1, bytesOut: 2.5, durationMs: Number.NaN },
    { id: text },
  )
  settle(Permit.grant(0, facts), { result: 'cut', bytesIn: -1, bytesOut: Infinity, durationMs: 1e300, code: text })
  return entries
}

function facts(text: string, times: number): Decidable {
  const many = Array.from({ length: times }, () => text)
  return decided({
    correlationId: text,
    caller: { id: text, proof: text, issuer: text, actors: many },
    task: { id: text, owner: text },
    target: { id: text },
    action: { id: text, access: 'destructive', resource: text },
    request: { risk: { score: 101.7, reasons: many } },
    decision: { effect: 'deny', code: text, policies: many, policySetHash: text, reasons: many },
  })
}

test('whatever text comes in, each writer writes what the parser reads', async () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 600 }),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('\ud800', '"},{"', '\u0000', '__proto__', '\u2028', '1', ''),
  )
  await fc.assert(
    fc.asyncProperty(hostile, fc.nat(20), async (text, times) => {
      for (const entry of await written(facts(text, times), text)) {
        const parsed = parseEntry(Buffer.from(entry), 'entry 0')
        assert.equal(JSON.stringify(parsed), entry)
        assert.ok(!entry.includes('\n'))
      }
    }),
    { numRuns: 200 },
  )
})

test('no entry outgrows its bundle, however long and however badly escaped its facts are', async () => {
  for (const entry of await written(facts('\u0001'.repeat(5000), 100), '\u0001'.repeat(5000))) {
    assert.ok(Buffer.byteLength(entry) < 65_536, `${Buffer.byteLength(entry)} bytes`)
    parseEntry(Buffer.from(entry), 'entry 0')
  }
})

test('what was cut says so', async () => {
  const [entry = ''] = await written(facts('x'.repeat(5000), 30), 'x')
  const parsed = parseEntry(Buffer.from(entry), 'entry 0')
  assert.equal(parsed.kind, 'decision')
  if (parsed.kind !== 'decision') return
  assert.match(parsed.resource, /^x{1023}…$/)
  assert.equal(parsed.reasons.length, 8)
  assert.equal(parsed.reasons.at(-1), '… and 23 more')
})

test('the quick pattern agrees with the parser on what the writers write', async () => {
  const plain = fc.string({ unit: fc.constantFrom(...`abc XYZ019:/-_.{}[],'é’😀\u2028`) })
  await fc.assert(
    fc.asyncProperty(plain, fc.nat(6), async (text, times) => {
      for (const entry of await written(facts(text, times), text.slice(0, 60))) {
        if (entry.includes('"details":{"') || entry.includes('\\')) continue
        const bytes = Buffer.from(entry)
        const { kind } = parseEntry(bytes, 'entry 0')
        const quick = (Object.keys(FIELDS) as EntryKind[]).filter((one) => fastPattern(one).test(bytes.toString('latin1')))
        assert.deepEqual(quick, [kind], entry)
      }
    }),
    { numRuns: 100 },
  )
})

test('the quick pattern accepts nothing that the parser refuses', () => {
  const good = Buffer.from(systemEntry(NOW, 'code', 'détail'))
  const mutations = fc.tuple(fc.nat(good.length - 1), fc.nat(3), fc.uint8Array({ maxLength: 3 }))
  fc.assert(
    fc.property(mutations, ([at, drop, put]) => {
      const changed = Buffer.concat([good.subarray(0, at), put, good.subarray(at + drop)])
      const text = changed.toString('latin1')
      const isQuick = fastPattern('system').test(text) && isUtf8(changed)
      if (isQuick && !Number.isNaN(Date.parse(text.slice(29, 53)))) parseEntry(changed, 'entry 0')
    }),
    { numRuns: 3000 },
  )
})

test('the parser refuses what it does not know', () => {
  const good = systemEntry(NOW, 'code', 'detail')
  parseEntry(Buffer.from(good), 'entry 0')
  const bad = [
    good.replace('"v":1', '"v":2'),
    good.replace('system', 'sistem'),
    good.replace('system', '__proto__'),
    good.replace('2026-11-22', '2026-13-22'),
    good.replace('.000Z', 'Z'),
    good.replace('"code":"code"', '"code":null'),
    good.replace('"code":"code"', '"code":"code","code":"code"'),
    good.replace('"code":"code",', ''),
    good.replace('}', ',"more":1}'),
    good.replace('{', '{ '),
    good.replace('detail"}', 'd\\u0065tail"}'),
    good.replace('"detail":"detail"', `"detail":"${'x'.repeat(513)}"`),
    `${good}\n`,
    `\ufeff${good}`,
    `[${good}]`,
    'null',
    '',
  ]
  for (const text of bad)
    assert.throws(() => parseEntry(Buffer.from(text), 'entry 7'), { code: 'audit_tampered', place: 'entry 7' }, text)
  assert.throws(() => parseEntry(Buffer.from([...Buffer.from(good.slice(0, -2)), 0xff, 0x22, 0x7d]), 'entry 7'), {
    code: 'audit_tampered',
  })
})

test('the parser survives anything', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        assert.throws(() => parseEntry(bytes, 'entry 0'), { code: 'audit_tampered' })
      },
    ),
  )
})

test('a time is spelled as Date spells it, whichever came before', () => {
  fc.assert(
    fc.property(fc.array(fc.date({ noInvalidDate: true })), (dates) => {
      for (const date of dates) assert.equal(timestamp(date.getTime()), date.toISOString())
    }),
  )
})

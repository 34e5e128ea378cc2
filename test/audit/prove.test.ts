import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { verifierOf } from '../../src/audit/checkpoint.ts'
import { checkProof, proveEntry } from '../../src/audit/prove.ts'
import { appendNotes, freshDirectory, note, openTestLog, SIGNER } from './rig.ts'

const VERIFIER = verifierOf(SIGNER)
let directory: string
before(async () => {
  directory = freshDirectory()
  const log = await openTestLog(directory)
  await appendNotes(log, 600)
  await log.checkpoint()
  await appendNotes(log, 5)
  await log.close()
})

test('each entry has a proof, in the published form, that needs nothing but the key', async () => {
  for (const index of [0, 1, 255, 256, 511, 600, 604]) {
    const proof = await proveEntry(directory, index)
    assert.match(
      proof,
      new RegExp(`^c2sp\\.org/tlog-proof@v1\nextra [\\w+/=]+\nindex ${index}\n([\\w+/]{43}=\n)+\nstint\\.test/audit\n605\n`),
    )
    const { entry, ...place } = checkProof(proof, VERIFIER)
    assert.deepEqual(place, { index, size: 605 })
    assert.equal(JSON.stringify(entry), note(index))
  }
})

test('a proof with one changed bit proves nothing', async () => {
  const proof = Buffer.from(await proveEntry(directory, 300))
  for (let bit = 0; bit < proof.length * 8; bit++) {
    const changed = Buffer.from(proof)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.throws(() => checkProof(changed.toString(), VERIFIER), { code: 'audit_tampered' }, `bit ${bit}`)
  }
})

test('a proof of one entry does not prove another, nor for another key', async () => {
  const [a, b] = [await proveEntry(directory, 3), await proveEntry(directory, 4)]
  const extraOf = (proof: string) => proof.split('\n')[1] ?? ''
  assert.throws(() => checkProof(a.replace(extraOf(a), extraOf(b)), VERIFIER), { code: 'audit_tampered' })
  assert.throws(() => checkProof(a.replace('index 3', 'index 4'), VERIFIER), { code: 'audit_tampered' })
  assert.throws(() => checkProof(a.replace('index 3', 'index 605'), VERIFIER), { code: 'audit_tampered' })
  const other = verifierOf({ name: SIGNER.name, privateKey: generateKeyPairSync('ed25519').privateKey })
  assert.throws(() => checkProof(a, other), { code: 'audit_tampered' })
  const long = `extra ${Buffer.alloc(70_000).toString('base64')}`
  for (const text of ['', '\n\n', 'x\n\ny', a.replace(extraOf(a), long), a.replace(`${extraOf(a)}\n`, '')]) {
    assert.throws(() => checkProof(text, VERIFIER), { code: 'audit_tampered' }, text.slice(0, 40))
  }
})

test('what the checkpoint does not cover cannot be proved', async () => {
  await assert.rejects(proveEntry(directory, 605), { code: 'not_found' })
})

test('a damaged log proves nothing about the entry that was damaged', async () => {
  const file = join(directory, 'tile/entries/001')
  const bytes = readFileSync(file)
  const changed = Buffer.from(bytes)
  changed.write('number 4OO', changed.indexOf('number 400'))
  writeFileSync(file, changed)
  await assert.rejects(proveEntry(directory, 400), { code: 'audit_tampered', place: 'entry 400' })
  writeFileSync(file, bytes)
})

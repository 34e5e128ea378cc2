import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import {
  formatVerifier,
  openCheckpoint,
  openNote,
  parseVerifier,
  signCheckpoint,
  verifierOf,
} from '../../src/audit/checkpoint.ts'
import { SIGNER } from './rig.ts'

const VERIFIER = verifierOf(SIGNER)
const CHECKPOINT = { origin: SIGNER.name, size: 42, root: Buffer.alloc(32, 7) }
const isTampered = { code: 'audit_tampered' }

test('the published example of a signed note verifies with its published key', () => {
  const verifier = parseVerifier('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')
  const text = 'If you think cryptography is the answer to your problem,\nthen you don’t know what your problem is.\n'.replace(
    '’',
    "'",
  )
  const signature = 'x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM='
  assert.equal(openNote(`${text}\n— PeterNeumann ${signature}\n`, verifier, 'note'), text)
})

test('a checkpoint reads back as it was signed, and so does the key', () => {
  const note = signCheckpoint(CHECKPOINT, SIGNER)
  assert.match(note, /^stint\.test\/audit\n42\n[\w+/]{43}=\n\n— stint\.test\/audit [\w+/]+={0,2}\n$/)
  assert.deepEqual(openCheckpoint(note, parseVerifier(formatVerifier(VERIFIER))), CHECKPOINT)
})

test('signatures of others are passed over, and are not enough', () => {
  const other = { name: 'witness.test', privateKey: generateKeyPairSync('ed25519').privateKey }
  const line = signCheckpoint({ ...CHECKPOINT, origin: other.name }, other)
    .split('\n')
    .at(-2)
  const note = signCheckpoint(CHECKPOINT, SIGNER)
  assert.deepEqual(openCheckpoint(`${note}${line}\n`, VERIFIER), CHECKPOINT)
  assert.throws(() => openCheckpoint(note, verifierOf(other)), isTampered)
})

test('another key under the same name is not believed', () => {
  const forger = { name: SIGNER.name, privateKey: generateKeyPairSync('ed25519').privateKey }
  assert.throws(() => openCheckpoint(signCheckpoint(CHECKPOINT, forger), VERIFIER), isTampered)
})

test('no flipped bit in a checkpoint goes unnoticed', () => {
  const bytes = Buffer.from(signCheckpoint(CHECKPOINT, SIGNER))
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.throws(() => openCheckpoint(changed.toString(), VERIFIER), isTampered, `bit ${bit}`)
  }
})

test('a rightly signed text that is no checkpoint of this log is refused', () => {
  const sign = (text: string) => signCheckpoint({ origin: text, size: 1, root: Buffer.alloc(32) }, SIGNER)
  assert.throws(() => openCheckpoint(sign('another.log'), VERIFIER), /another log/)
  assert.throws(() => openCheckpoint(sign(`${SIGNER.name}\n007\n${Buffer.alloc(32).toString('base64')}`), VERIFIER), isTampered)
  assert.throws(() => openCheckpoint(sign(`${SIGNER.name}\n-1\n${Buffer.alloc(32).toString('base64')}`), VERIFIER), isTampered)
  assert.throws(() => openCheckpoint(sign(`${SIGNER.name}\n7\nAAAA`), VERIFIER), isTampered)
  assert.throws(
    () => openCheckpoint(sign(`${SIGNER.name}\n99999999999999999\n${Buffer.alloc(32).toString('base64')}`), VERIFIER),
    isTampered,
  )
})

test('malformed notes and keys are refused', () => {
  for (const note of ['', '\n\n', 'text\n', 'text\n\n— a b\n', 'a\r\n\n— x AAAAAAAA\n', `${'x'.repeat(1 << 21)}\n\n`]) {
    assert.throws(() => openCheckpoint(note, VERIFIER), isTampered, JSON.stringify(note.slice(0, 20)))
  }
  const line = formatVerifier(VERIFIER)
  for (const key of ['', 'name', line.replace('stint', 'stimt'), line.slice(0, -4), line.replace(/^([^+]+\+[^+]+\+)A/, '$1B')]) {
    assert.throws(() => parseVerifier(key), isTampered, key)
  }
})

test('a name that cannot stand in a note cannot sign', () => {
  for (const name of ['', 'a b', 'a+b', 'a\n']) assert.throws(() => verifierOf({ ...SIGNER, name }), TypeError)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  assert.throws(() => verifierOf({ name: 'x', privateKey }), TypeError)
})

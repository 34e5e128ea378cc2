import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'
import { tampered } from './error.ts'
import { HASH_BYTES } from './tiles.ts'

/** A tree head (C2SP tlog-checkpoint): which log, how many entries, which root. */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
}

/** Who signs: the key's name, which is also the log's origin, and its Ed25519 key. */
export interface Signer {
  readonly name: string
  readonly privateKey: KeyObject
}

/** Who is believed: a key name, its 32-bit id and the Ed25519 key. */
export interface Verifier {
  readonly name: string
  readonly id: Buffer
  readonly publicKey: KeyObject
}

const ED25519 = 1
/** DER of an Ed25519 SubjectPublicKeyInfo up to the 32 key bytes (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const MAX_NOTE_CHARACTERS = 1 << 20
// C2SP signed-note: a name is not empty and holds neither Unicode spaces nor a plus.
const KEY_NAME = /^[^\s+\u0085]+$/u

/** The verifier of a signer. Throws TypeError when the name is not one or the key is not Ed25519. */
export function verifierOf(signer: Signer): Verifier {
  if (!KEY_NAME.test(signer.name)) throw new TypeError(`not a key name: ${JSON.stringify(signer.name)}`)
  const publicKey = createPublicKey(signer.privateKey)
  if (publicKey.asymmetricKeyType !== 'ed25519') throw new TypeError('the log is signed with Ed25519 only')
  return { name: signer.name, id: keyId(signer.name, rawKey(publicKey)), publicKey }
}

/** `name+id+base64(type ‖ key)`: one line that says whom to believe. `parseVerifier` reads it. */
export function formatVerifier(verifier: Verifier): string {
  const typed = Buffer.concat([Buffer.from([ED25519]), rawKey(verifier.publicKey)])
  return `${verifier.name}+${verifier.id.toString('hex')}+${typed.toString('base64')}`
}

/** Reads a verifier line. Throws `audit_tampered` saying what is wrong with it. */
export function parseVerifier(line: string): Verifier {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/u.exec(line.trim()) ?? []
  if (name === undefined || id === undefined || encoded === undefined) throw tampered('public key', 'not of the form name+id+key')
  const typed = fromBase64(encoded)
  if (typed === undefined || typed.length !== 1 + HASH_BYTES || typed[0] !== ED25519)
    throw tampered('public key', 'not an Ed25519 key')
  const raw = typed.subarray(1)
  if (keyId(name, raw).toString('hex') !== id) throw tampered('public key', 'the key id does not belong to this name and key')
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' })
  return { name, id: Buffer.from(id, 'hex'), publicKey }
}

/** A signed checkpoint (C2SP signed-note, Ed25519). */
export function signCheckpoint(checkpoint: Checkpoint, signer: Signer): string {
  const verifier = verifierOf(signer)
  const text = `${checkpoint.origin}\n${checkpoint.size}\n${checkpoint.root.toString('base64')}\n`
  const signature = Buffer.concat([verifier.id, sign(null, Buffer.from(text), signer.privateKey)])
  return `${text}\n— ${verifier.name} ${signature.toString('base64')}\n`
}

/** Reads a checkpoint that `verifier` signed. Throws `audit_tampered` naming `place` for anything else. Attacker-controlled. */
export function openCheckpoint(note: string, verifier: Verifier, place = 'checkpoint'): Checkpoint {
  const text = openNote(note, verifier, place)
  const [origin, size, root, ...extensions] = text.slice(0, -1).split('\n')
  if (origin !== verifier.name) throw tampered(place, `it belongs to another log: ${JSON.stringify(origin)}`)
  const bytes = fromBase64(root ?? '')
  const known = size !== undefined && /^(0|[1-9]\d{0,15})$/.test(size) && Number.isSafeInteger(Number(size))
  if (!known || bytes?.length !== HASH_BYTES || extensions.includes('')) throw tampered(place, 'it is not a checkpoint')
  return { origin, size: Number(size), root: bytes }
}

/** The text of a note that `verifier` signed, its last newline included (C2SP signed-note). Throws `audit_tampered` otherwise. */
export function openNote(note: string, verifier: Verifier, place: string): string {
  const split = note.lastIndexOf('\n\n')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a note must not hold any (C2SP signed-note, "Format")
  if (note.length > MAX_NOTE_CHARACTERS || split < 0 || !note.endsWith('\n') || /[\u0000-\u0009\u000b-\u001f]/.test(note)) {
    throw tampered(place, 'it is not a signed note')
  }
  const text = note.slice(0, split + 1)
  const lines = note.slice(split + 2, -1).split('\n')
  let believed = false
  for (const line of lines) {
    const [, name, encoded] = /^— ([^\s+]+) ([A-Za-z0-9+/]+=*)$/u.exec(line) ?? []
    const bytes = fromBase64(encoded ?? '')
    if (name === undefined || bytes === undefined || bytes.length < 5) throw tampered(place, 'a signature line is malformed')
    if (name !== verifier.name || !bytes.subarray(0, 4).equals(verifier.id)) continue
    if (!verify(null, Buffer.from(text), verifier.publicKey, bytes.subarray(4))) throw tampered(place, 'the signature is wrong')
    believed = true
  }
  if (!believed) throw tampered(place, `no signature of ${verifier.name}`)
  return text
}

/** Standard base64, one spelling only: unused bits are zero and padding is there. */
export function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

function keyId(name: string, raw: Uint8Array): Buffer {
  const input = Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([ED25519]), raw])
  return Buffer.from(hash('sha256', input, 'hex').slice(0, 8), 'hex')
}

function rawKey(publicKey: KeyObject): Buffer {
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length)
}

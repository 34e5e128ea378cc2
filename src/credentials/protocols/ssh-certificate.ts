import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { encodePublicKey, signSsh } from './ssh-keys.ts'
import { readFields, string, uint32, uint64 } from './ssh-wire.ts'

/** The public key algorithm of every certificate here (PROTOCOL.certkeys of OpenSSH). */
export const CERTIFIED = 'ssh-ed25519-cert-v01@openssh.com'
const USER = 1

/** What a certificate says. Times are epoch milliseconds; SSH counts in seconds, and the end is rounded down. */
export interface Claims {
  readonly keyId: string
  /** Whom it logs in as, and nobody else. */
  readonly principal: string
  readonly validAfter: number
  readonly validBefore: number
  /** Options that a server must know and obey, with their values. */
  readonly critical: Readonly<Record<string, string>>
  /** What it permits, by the names of PROTOCOL.certkeys; nothing else is permitted. */
  readonly extensions: readonly string[]
}

/** A key of its own and what the CA says of it. */
export interface Certified {
  readonly key: KeyObject
  readonly certificate: Buffer
}

export function makeKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey
}

/** A user certificate for an Ed25519 key, signed by the CA’s private key. */
export function certify(key: KeyObject, claims: Claims, ca: KeyObject): Buffer {
  const publicKey = readFields(encodePublicKey(createPublicKey(key)))
  publicKey.text()
  const body = Buffer.concat([
    string(CERTIFIED),
    string(randomBytes(32)),
    string(publicKey.string()),
    ...[randomBytes(8), uint32(USER), string(claims.keyId)],
    string(string(claims.principal)),
    ...[uint64(secondsOf(claims.validAfter)), uint64(secondsOf(claims.validBefore))],
    string(options(Object.entries(claims.critical).map(([name, value]) => [name, string(value)]))),
    string(options(claims.extensions.map((name) => [name, Buffer.alloc(0)]))),
    string(''),
    string(encodePublicKey(createPublicKey(ca))),
  ])
  return Buffer.concat([body, string(signSsh(ca, body))])
}

/** One line as in a `-cert.pub` file. */
export function writeCertificate(certificate: Buffer, comment: string): string {
  return `${CERTIFIED} ${certificate.toString('base64')} ${comment}`
}

/** In the order of their names, each once. */
function options(pairs: readonly (readonly [string, Buffer])[]): Buffer {
  const sorted = [...new Map(pairs)].sort(([a], [b]) => (a < b ? -1 : 1))
  return Buffer.concat(sorted.flatMap(([name, data]) => [string(name), string(data)]))
}

function secondsOf(ms: number): bigint {
  return BigInt(Math.floor(ms / 1000))
}

import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { createSshReader } from './ssh-data.ts'

/** A host key and what is said to be signed by it. `signature` is attacker-controlled. */
export interface HostProof {
  /** As in the second word of a known_hosts line, decoded. */
  readonly hostKey: Buffer
  readonly signature: Buffer
  readonly signed: Buffer
}

/** Signature algorithms by what they are called, with the type of key, the hash, and bytes of half a signature (RFC 5656, section 3.1.2). */
const ALGORITHMS: Readonly<Record<string, { readonly type: string; readonly hash: string | null; readonly half?: number }>> = {
  'ssh-ed25519': { type: 'ssh-ed25519', hash: null },
  'ecdsa-sha2-nistp256': { type: 'ecdsa-sha2-nistp256', hash: 'sha256', half: 32 },
  'ecdsa-sha2-nistp384': { type: 'ecdsa-sha2-nistp384', hash: 'sha384', half: 48 },
  'ecdsa-sha2-nistp521': { type: 'ecdsa-sha2-nistp521', hash: 'sha512', half: 66 },
  'rsa-sha2-256': { type: 'ssh-rsa', hash: 'sha256' },
  'rsa-sha2-512': { type: 'ssh-rsa', hash: 'sha512' },
}
const CURVES: Readonly<Record<string, string>> = { nistp256: 'P-256', nistp384: 'P-384', nistp521: 'P-521' }

/** Whether the host key signed it (RFC 4253, section 6.6; RFC 8332; RFC 8709). What cannot be read is not signed; SHA-1 is none. */
export function isSignedByHost({ hostKey, signature, signed }: HostProof): boolean {
  try {
    const reader = createSshReader(signature)
    const name = reader.string().toString('latin1')
    const value = reader.string()
    reader.end()
    const algorithm = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined
    const { type, jwk } = readHostKey(hostKey)
    if (algorithm?.type !== type) return false
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const bytes = algorithm.half === undefined ? value : joinHalves(value, algorithm.half)
    return verify(algorithm.hash, signed, { key, dsaEncoding: 'ieee-p1363' }, bytes)
  } catch {
    return false
  }
}

function readHostKey(hostKey: Buffer): { type: string; jwk: JsonWebKey } {
  const reader = createSshReader(hostKey)
  const type = reader.string().toString('latin1')
  const [first, second] = [reader.string(), type === 'ssh-ed25519' ? Buffer.alloc(0) : reader.string()]
  reader.end()
  if (type === 'ssh-ed25519') return { type, jwk: { kty: 'OKP', crv: 'Ed25519', x: text(first) } }
  if (type === 'ssh-rsa') return { type, jwk: { kty: 'RSA', e: text(plain(first)), n: text(plain(second)) } }
  const half = (second.length - 1) / 2 // of a point that is not compressed (SEC 1, section 2.3.3)
  const [x, y] = [second.subarray(1, 1 + half), second.subarray(1 + half)]
  return { type, jwk: { kty: 'EC', crv: CURVES[first.toString('latin1')] ?? '', x: text(x), y: text(y) } }
}

/** Two `mpint`s as the same number of bytes each. */
function joinHalves(value: Buffer, half: number): Buffer {
  const reader = createSshReader(value)
  const halves = [reader.string(), reader.string()].map((one) => {
    const bytes = plain(one)
    return Buffer.concat([Buffer.alloc(half - bytes.length), bytes])
  })
  reader.end()
  return Buffer.concat(halves)
}

/** An `mpint` without the zeros in front (RFC 4251, section 5). */
function plain(mpint: Buffer): Buffer {
  const first = mpint.findIndex((byte) => byte !== 0)
  return mpint.subarray(first < 0 ? mpint.length : first)
}

function text(bytes: Buffer): string {
  return bytes.toString('base64url')
}

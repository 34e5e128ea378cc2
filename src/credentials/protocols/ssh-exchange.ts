import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { StintError } from '../../errors.ts'
import { SIGNATURES, verifySsh } from './ssh-keys.ts'
import type { SshKeys } from './ssh-packets.ts'
import { MalformedSsh, mpint, readFields, string, uint32 } from './ssh-wire.ts'

/** RFC 4253, section 12; RFC 5656, section 7.1. */
const KEXINIT = 20
const ECDH_INIT = 30
const ECDH_REPLY = 31
/** RFC 8731, under both of its names. */
const METHODS = ['curve25519-sha256', 'curve25519-sha256@libssh.org']
/** PROTOCOL of OpenSSH, section 1.10: the server then refuses, as we always do, what does not belong into the key exchange. */
const STRICT = 'kex-strict-c-v00@openssh.com'
/** PROTOCOL of OpenSSH, section 1.6, with the length of each one’s key. */
const CIPHERS: Readonly<Record<string, number>> = { 'aes256-gcm@openssh.com': 32, 'aes128-gcm@openssh.com': 16 }
/** Named because a list must not be empty: the ciphers above bring their own. */
const MACS = ['hmac-sha2-256']

/** Both sides’ first lines, without their ends. */
export interface Versions {
  readonly client: string
  readonly server: string
}

/** The payloads that go to and fro while the keys are agreed on. */
export interface Payloads {
  send(payload: Buffer): void
  read(): Promise<Buffer>
}

/** What was agreed on: the session’s id, and the keys of both directions. */
export interface Agreed {
  readonly id: Buffer
  readonly forth: SshKeys
  readonly back: SshKeys
}

/**
 * Agrees on keys with a server that proves one of `hostKeys` (RFC 4253, sections 7 and 8; RFC 8731). Throws `upstream_failed` for another
 * server and for one with no algorithm in common, MalformedSsh for what is no key exchange.
 */
export async function exchangeKeys(payloads: Payloads, versions: Versions, hostKeys: readonly Buffer[]): Promise<Agreed> {
  const algorithms = hostKeys.flatMap((blob) => SIGNATURES[readFields(blob).text()] ?? [])
  const offered = encodeOffer(algorithms)
  payloads.send(offered)
  const answered = await payloads.read()
  const { hostKey, cipher } = choose(answered, algorithms)
  const { privateKey } = generateKeyPairSync('x25519')
  const ours = rawOf(privateKey)
  payloads.send(Buffer.concat([Buffer.of(ECDH_INIT), string(ours)]))
  const fields = readFields(await payloads.read())
  if (fields.byte() !== ECDH_REPLY) throw new MalformedSsh('the server does not answer the key exchange')
  const [blob, theirs, signature] = [fields.string(), fields.string(), fields.string()]
  fields.end()
  if (!hostKeys.some((known) => known.equals(blob)))
    throw new StintError('upstream_failed', 'the server has a host key that settings.host_keys does not name')
  const secret = mpint(agree(privateKey, theirs))
  const transcript = [versions.client, versions.server, offered, answered, blob, ours, theirs].map((part) => string(part))
  const hash = sha256(...transcript, secret)
  if (!verifySsh(hostKey, blob, hash, signature))
    throw new StintError('upstream_failed', 'the server does not prove its host key')
  return { id: hash, ...deriveKeys(secret, hash, CIPHERS[cipher] ?? 0) }
}

/** RFC 4253, section 7.1. */
function encodeOffer(hostKeyAlgorithms: readonly string[]): Buffer {
  const ciphers = Object.keys(CIPHERS)
  const lists = [[...METHODS, STRICT], [...new Set(hostKeyAlgorithms)], ciphers, ciphers, MACS, MACS, ['none'], ['none'], [], []]
  const names = lists.map((list) => string(list.join(',')))
  return Buffer.concat([Buffer.of(KEXINIT), randomBytes(16), ...names, Buffer.of(0), uint32(0)])
}

/** The first of ours that the server knows as well. A server that guesses what we send is refused. */
function choose(answered: Buffer, algorithms: readonly string[]): { readonly hostKey: string; readonly cipher: string } {
  const fields = readFields(answered)
  if (fields.byte() !== KEXINIT) throw new MalformedSsh('the server does not begin with a key exchange')
  for (let i = 0; i < 16; i += 1) fields.byte()
  const lists = Array.from({ length: 10 }, () => fields.names())
  const [hasGuessed] = [fields.byte() !== 0, fields.uint32(), fields.end()]
  const common = (ours: readonly string[], at: number): string => {
    const found = ours.find((one) => lists[at]?.includes(one))
    if (found !== undefined) return found
    throw new StintError('upstream_failed', 'the server has no algorithm in common with Stint', {
      operatorDetail: `none of ${ours.join(', ')} is among ${lists[at]?.join(', ')}`.slice(0, 1000),
    })
  }
  common(METHODS, 0)
  const [hostKey, cipher, back] = [common(algorithms, 1), common(Object.keys(CIPHERS), 2), common(Object.keys(CIPHERS), 3)]
  for (const compression of [6, 7]) common(['none'], compression)
  if (cipher !== back || hasGuessed) throw new MalformedSsh('the server guesses what it is to say')
  return { hostKey, cipher }
}

/** node:crypto throws for a point that would make the secret nothing (RFC 8731, section 3). */
function agree(privateKey: KeyObject, theirs: Buffer): Buffer {
  if (theirs.length !== 32) throw new MalformedSsh('the server’s half of the key is not whole')
  const publicKey = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x: theirs.toString('base64url') } })
  return diffieHellman({ privateKey, publicKey })
}

/** RFC 4253, section 7.2: a hash is as long as the longest of them. */
function deriveKeys(secret: Buffer, hash: Buffer, keyBytes: number): { readonly forth: SshKeys; readonly back: SshKeys } {
  const derive = (letter: string, bytes: number): Buffer => sha256(secret, hash, Buffer.from(letter), hash).subarray(0, bytes)
  return {
    forth: { iv: derive('A', 12), key: derive('C', keyBytes) },
    back: { iv: derive('B', 12), key: derive('D', keyBytes) },
  }
}

function rawOf(privateKey: KeyObject): Buffer {
  return Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '', 'base64url')
}

function sha256(...parts: readonly Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest()
}

import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { StintError } from '../errors.ts'
import type { Secret } from '../secret.ts'

/** One login by SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding: the channel's certificate is verified. */
export interface Scram {
  readonly first: string
  /** The answer to the server's first message. Throws `upstream_failed`. */
  answer(serverFirst: string): Promise<string>
  /** Throws `upstream_failed` unless the server has shown that it knows the password too. */
  verify(serverFinal: string): void
}

/** More would let a server keep a thread busy. PostgreSQL’s own is 4096. */
const MAX_ITERATIONS = 100_000
const GS2_HEADER = 'n,,'
const derive = promisify(pbkdf2)

/** PostgreSQL takes the name from the startup message, so that none is sent here. */
export function createScram(password: Secret): Scram {
  const nonce = randomBytes(18).toString('base64')
  const firstBare = `n=,r=${nonce}`
  let serverSignature: Buffer | undefined
  return {
    first: GS2_HEADER + firstBare,
    async answer(serverFirst) {
      const { theirNonce, salt, iterations } = readServerFirst(serverFirst, nonce)
      const salted = await derive(password.reveal().normalize('NFKC'), salt, iterations, 32, 'sha256')
      const clientKey = hmac(salted, 'Client Key')
      const withoutProof = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${theirNonce}`
      const message = [firstBare, serverFirst, withoutProof].join(',')
      const signature = hmac(createHash('sha256').update(clientKey).digest(), message)
      serverSignature = hmac(hmac(salted, 'Server Key'), message)
      const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)))
      return `${withoutProof},p=${proof.toString('base64')}`
    },
    verify(serverFinal) {
      const [, text = ''] = /^v=([A-Za-z0-9+/]{43}=)(?:,|$)/.exec(serverFinal) ?? []
      const given = Buffer.from(text, 'base64')
      if (serverSignature === undefined || given.length !== serverSignature.length || !timingSafeEqual(given, serverSignature))
        throw refused('it does not know the password itself')
    },
  }
}

/** RFC 5802, section 5.1. The nonce must go on from ours, so that an old login cannot be played again. */
function readServerFirst(text: string, nonce: string) {
  const [, theirNonce = '', saltText = '', iterationText] =
    /^r=([\x21-\x2b\x2d-\x7e]{1,200}),s=([A-Za-z0-9+/]{4,200}={0,2}),i=([1-9][0-9]{0,8})(?:,|$)/.exec(text) ?? []
  if (!theirNonce.startsWith(nonce) || theirNonce.length === nonce.length) throw refused('its answer is not to this login')
  const iterations = Number(iterationText)
  if (iterations > MAX_ITERATIONS) throw refused(`it asks for ${iterations} iterations`)
  return { theirNonce, salt: Buffer.from(saltText, 'base64'), iterations }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function refused(why: string): StintError {
  return new StintError('upstream_failed', `PostgreSQL cannot be logged in to: ${why}`)
}

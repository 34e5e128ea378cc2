import { createHmac, timingSafeEqual } from 'node:crypto'
import { StintError } from '../errors.ts'
import type { Secret } from '../secret.ts'

/** The three header fields of a message (Standard Webhooks 1.0, "Webhook Headers"). Attacker-controlled where it came in. */
export interface SignedHead {
  readonly id: string
  /** Whole seconds since the epoch, in decimal. */
  readonly timestamp: string
  /** Signatures between spaces, each `v1,` and base64. */
  readonly signature: string
}

const SECRET = /^whsec_([A-Za-z0-9+/]+={0,2})$/
/** Bytes of a key ("Signature scheme"). */
const KEY_BYTES = { least: 24, most: 64 }
const TOLERANCE_SECONDS = 300
const MOST_SIGNATURES = 8

export const NOT_SIGNED = 'it is not signed with the secret of this webhook'

/** The head of a message: HMAC-SHA256 over `id.timestamp.body`. Throws `invalid_config` for a secret of another form. */
export function signMessage(secret: Secret, { id, body, now }: { id: string; body: string; now: number }): SignedHead {
  const timestamp = String(Math.floor(now / 1000))
  return { id, timestamp, signature: `v1,${signatureOf(secret, { id, timestamp }, body)}` }
}

/** Throws `signature_invalid` for what is not signed with the secret or not of now; `invalid_config`. `now` is epoch milliseconds. */
export function verifyMessage(secret: Secret, head: SignedHead, body: string, now: number): void {
  const expected = Buffer.from(signatureOf(secret, head, body), 'base64')
  const given = head.signature.split(' ', MOST_SIGNATURES).filter((one) => one.startsWith('v1,'))
  const isSigned = given.some((one) => isEqual(Buffer.from(one.slice('v1,'.length), 'base64'), expected))
  if (!isSigned) throw new StintError('signature_invalid', NOT_SIGNED)
  const age = /^\d{1,12}$/.test(head.timestamp) ? now / 1000 - Number(head.timestamp) : Number.NaN
  if (!(Math.abs(age) <= TOLERANCE_SECONDS))
    throw new StintError('signature_invalid', `its timestamp is more than ${TOLERANCE_SECONDS} seconds away`)
}

/** What only who holds the secret can know of a message: no other message has it. */
export function handleOf(secret: Secret, ...about: readonly string[]): string {
  return createHmac('sha256', keyOf(secret))
    .update(JSON.stringify(['answer', ...about]))
    .digest('base64url')
}

/** In a time that does not tell how much of it is right. */
export function isHandle(given: string, expected: string): boolean {
  return isEqual(Buffer.from(given), Buffer.from(expected))
}

function signatureOf(secret: Secret, { id, timestamp }: Pick<SignedHead, 'id' | 'timestamp'>, body: string): string {
  return createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64')
}

function isEqual(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

function keyOf(secret: Secret): Buffer {
  const key = Buffer.from(SECRET.exec(secret.reveal())?.[1] ?? '', 'base64')
  if (key.length >= KEY_BYTES.least && key.length <= KEY_BYTES.most) return key
  throw new StintError(
    'invalid_config',
    `a webhook's secret is whsec_ and ${KEY_BYTES.least} to ${KEY_BYTES.most} bytes in base64`,
  )
}

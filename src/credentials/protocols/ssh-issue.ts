import { createPrivateKey, type KeyObject } from 'node:crypto'
import { Secret } from '../../secret.ts'
import type { Io, MintOrder } from '../minting.ts'
import { type Certified, type Claims, certify, makeKey } from './ssh-certificate.ts'
import { readPrivateKey } from './ssh-private-key.ts'

/** How far a server’s clock may be from ours: five minutes, and some. A certificate begins so long before it is made. */
export const SKEW_MS = 360_000

/** What every certificate of a grant says. */
export function claimsOf(
  { grant: { terms } }: Pick<MintOrder, 'grant'>,
  keyId: string,
  now: number,
  validBefore: number,
): Claims {
  const { principal, force_command, source_address, extensions = [] } = terms
  const critical = { 'force-command': String(force_command ?? ''), 'source-address': String(source_address ?? '') }
  return {
    ...{ keyId, principal: String(principal), validAfter: now - SKEW_MS, validBefore },
    critical: Object.fromEntries(Object.entries(critical).filter(([, value]) => value !== '')),
    extensions: [extensions].flat(),
  }
}

/** A certificate of Stint’s own for what a grant says, with a key that nobody else ever has, to be shown at once. Throws `credential_missing`. */
export function makeOwn(of: Pick<MintOrder, 'grant' | 'standing'>, keyId: string, io: Io): Certified {
  const [key, now] = [makeKey(), io.now()]
  return { key, certificate: certify(key, claimsOf(of, keyId, now, now + SKEW_MS), readPrivateKey(of.standing)) }
}

/** The key, and the certificate once there is one, as one text. */
export function writeMaterial(key: KeyObject, certificate?: Buffer): Secret {
  return new Secret(JSON.stringify({ key: writeKey(key), certificate: certificate?.toString('base64') }))
}

/** What `writeMaterial` wrote. */
export function readMaterial(material: Secret): { readonly key: KeyObject; readonly certificate: Buffer | undefined } {
  const { key, certificate } = JSON.parse(material.reveal()) as { key: string; certificate?: string }
  return { key: createPrivateKey(key), certificate: certificate === undefined ? undefined : Buffer.from(certificate, 'base64') }
}

/** PKCS #8 in PEM. */
export function writeKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

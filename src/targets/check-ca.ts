import { X509Certificate } from 'node:crypto'
import { StintError } from '../errors.ts'

const MAX_LENGTH = 200_000
const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g

/** A PEM bundle of certificates: only its certificates, one after another. Throws `invalid_argument`, also for a bundle with a key. */
export function checkTrustedCa(pem: string): string {
  if (pem.length > MAX_LENGTH) throw refused(`it is longer than ${MAX_LENGTH} characters`)
  if (pem.includes('PRIVATE KEY-----')) throw refused('it holds a private key; give the certificates alone')
  const blocks = pem.match(BLOCK) ?? []
  const begun = pem.split('-----BEGIN ').length - 1
  if (blocks.length === 0 || blocks.length !== begun) throw refused('it holds no certificates, or something that is not one')
  for (const block of blocks) parse(block)
  return `${blocks.join('\n')}\n`
}

function parse(block: string): X509Certificate {
  try {
    return new X509Certificate(block)
  } catch (thrown) {
    throw refused('a certificate in it cannot be read', thrown)
  }
}

function refused(why: string, cause?: unknown): StintError {
  return new StintError('invalid_argument', `trustedCa takes a PEM bundle of certificates: ${why}`, { cause })
}

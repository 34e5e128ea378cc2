import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { StintError } from '../errors.ts'

const MAX_CONTEXTS = 128
const contexts = new Map<string, SecureContext>()

/**
 * What to trust when talking to a target: the roots Node ships, those of the system, and `trustedCa` (PEM). TLS 1.2 or later.
 * Kept, since one takes tens of milliseconds to make. Throws `invalid_argument` for PEM that cannot be read.
 */
export function trustContext(trustedCa: string | undefined): SecureContext {
  const key = trustedCa ?? ''
  const known = contexts.get(key)
  if (known !== undefined) return known
  const context = makeContext(trustedCa)
  const [oldest] = contexts.keys()
  if (contexts.size >= MAX_CONTEXTS && oldest !== undefined) contexts.delete(oldest)
  contexts.set(key, context)
  return context
}

function makeContext(trustedCa: string | undefined): SecureContext {
  const roots = new Set([...getCACertificates('default'), ...getCACertificates('system')])
  if (trustedCa !== undefined) roots.add(trustedCa)
  try {
    return createSecureContext({ ca: [...roots], minVersion: 'TLSv1.2' })
  } catch (cause) {
    throw new StintError('invalid_argument', 'the trusted CA is not a PEM bundle of certificates', { cause })
  }
}

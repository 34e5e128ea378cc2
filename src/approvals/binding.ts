import { hash } from 'node:crypto'

/**
 * What an approval is bound to, SHA-256, hex: the whole request as Cedar was asked (policy/digest.ts) and, where the entrance reads it,
 * every byte of what would be sent (gateway/exact.ts). Both are SHA-256, hex.
 */
export function bindingOf(requestDigest: string, exactDigest: string | undefined): string {
  return hash('sha256', JSON.stringify([requestDigest, exactDigest ?? null]), 'hex')
}

import type { Operation } from '../../model.ts'

const TYPE = /^([\w.+-]+\/[\w.+-]+)(?: *; *charset="?utf-8"?)?$/i

/**
 * The media type of a body, in lower case (RFC 9110, section 8.3.1); empty where none is given. Undefined for what two servers could
 * read differently: several types, any parameter but a charset of UTF-8. Attacker-controlled.
 */
export function bodyType({ headers }: Pick<Operation, 'headers'>): string | undefined {
  const given = headers['content-type'] ?? ''
  return given === '' ? '' : TYPE.exec(given)?.[1]?.toLowerCase()
}

/** True for a body in a content coding: it says nothing before it is decoded (RFC 9110, section 8.4). */
export function isCoded({ headers }: Pick<Operation, 'headers'>): boolean {
  return (headers['content-encoding'] ?? 'identity') !== 'identity'
}

/** What a macaroon says of itself. */
export interface Macaroon {
  readonly location: string
  readonly identifier: string
}

const [END, LOCATION, IDENTIFIER, SIGNATURE] = [0, 1, 2, 6]
const SIGNATURE_BYTES = 32

/**
 * Reads a macaroon of version 2 in its binary form (libmacaroons, doc/format.txt): a 2, the fields of its header, caveats, a signature of 32
 * bytes. Undefined for anything else; nothing is verified.
 */
export function readMacaroon(bytes: Buffer): Macaroon | undefined {
  if (bytes[0] !== 2 || bytes.length < SIGNATURE_BYTES + 2) return undefined
  const fields = readFields(bytes.subarray(1))
  const signature = fields?.at(-1)
  if (fields === undefined || signature?.type !== SIGNATURE || signature.data.length !== SIGNATURE_BYTES) return undefined
  const header = fields.slice(
    0,
    Math.max(
      0,
      fields.findIndex(({ type }) => type === END),
    ),
  )
  const textOf = (wanted: number) => header.find(({ type }) => type === wanted)?.data.toString('utf8') ?? ''
  const [location, identifier] = [textOf(LOCATION), textOf(IDENTIFIER)]
  return identifier === '' ? undefined : { location, identifier }
}

interface Field {
  readonly type: number
  readonly data: Buffer
}

/** Fields up to the last byte, ends of sections among them as fields without data; undefined if the last one is cut off. */
function readFields(bytes: Buffer): readonly Field[] | undefined {
  const fields: Field[] = []
  for (let at = 0; at < bytes.length; ) {
    const type = bytes[at] as number
    const length = type === END ? 0 : lengthAt(bytes, at + 1)
    const start = type === END ? at + 1 : at + (length < 128 ? 2 : 3)
    if (start + length > bytes.length) return undefined
    fields.push({ type, data: bytes.subarray(start, start + length) })
    at = start + length
  }
  return fields
}

/** A varint of one byte or two: nothing in a token is longer. */
function lengthAt(bytes: Buffer, at: number): number {
  const [low = 0, high = 0] = [bytes[at], bytes[at + 1]]
  return low < 128 ? low : (low & 127) | (high << 7)
}

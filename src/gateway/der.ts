/** Writes DER (ITU-T X.690), just as much as a certificate takes. Nothing here reads any. */

/** One element: tag, length, content. */
export function element(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  return Buffer.concat([Buffer.from([tag, ...lengthOctets(body.length)]), body])
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length]
  if (length < 0x100) return [0x81, length]
  return [0x82, length >> 8, length & 0xff]
}

/** SEQUENCE. */
export function sequence(...content: readonly Buffer[]): Buffer {
  return element(0x30, ...content)
}

/** INTEGER from big-endian bytes, not negative. */
export function integer(bytes: Buffer): Buffer {
  const isHigh = ((bytes[0] ?? 0) & 0x80) !== 0
  return isHigh ? element(0x02, Buffer.from([0]), bytes) : element(0x02, bytes)
}

/** BOOLEAN TRUE; FALSE is always a default and left out. */
export const TRUE = element(0x01, Buffer.from([0xff]))

/** BIT STRING, with how many bits of the last byte do not count. */
export function bitString(bytes: Buffer, unusedBits = 0): Buffer {
  return element(0x03, Buffer.from([unusedBits]), bytes)
}

/** OCTET STRING. */
export function octetString(bytes: Buffer): Buffer {
  return element(0x04, bytes)
}

/** UTF8String. */
export function utf8String(text: string): Buffer {
  return element(0x0c, Buffer.from(text, 'utf8'))
}

/** OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return element(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128(arc: number): number[] {
  const groups = [arc & 0x7f]
  for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80)
  return groups
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280, section 4.1.2.5). `at` is epoch milliseconds. */
export function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '')
  return digits < '2050' ? element(0x17, Buffer.from(digits.slice(2))) : element(0x18, Buffer.from(digits))
}

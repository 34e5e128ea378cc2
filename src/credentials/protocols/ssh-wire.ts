/** The data types of SSH (RFC 4251, section 5), written and read. */

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}

export function string(value: Uint8Array | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([uint32(bytes.length), bytes])
}

/** A number that is not negative, given by its bytes, highest first. */
export function mpint(magnitude: Uint8Array): Buffer {
  const first = magnitude.findIndex((byte) => byte !== 0)
  const bytes = first === -1 ? Buffer.alloc(0) : magnitude.subarray(first)
  return string((bytes[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes)
}

/** What is not what its length or its type says. */
export class MalformedSsh extends Error {}

/** Fields in the order in which they come. Each throws MalformedSsh where there is none such. */
export interface Fields {
  byte(): number
  uint32(): number
  string(): Buffer
  /** A string that is ASCII without control characters. */
  text(): string
  /** A name-list, comma-separated. */
  names(): readonly string[]
  /** A number that is not negative, by its bytes, highest first. */
  mpint(): Buffer
  /** Bytes that are not yet read. */
  readonly left: number
  /** Throws when something is left. */
  end(): void
}

/** Reads `bytes`, which are attacker-controlled. */
export function readFields(bytes: Uint8Array): Fields {
  let rest = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const take = (count: number): Buffer => {
    if (count > rest.length) throw new MalformedSsh('a field is cut off')
    const taken = rest.subarray(0, count)
    rest = rest.subarray(count)
    return taken
  }
  const fields: Fields = {
    byte: () => take(1).readUInt8(),
    uint32: () => take(4).readUInt32BE(),
    string: () => take(fields.uint32()),
    text() {
      const text = fields.string().toString('latin1')
      if (!/^[\x20-\x7e]*$/.test(text)) throw new MalformedSsh('a text is not ASCII')
      return text
    },
    names: () => fields.text().split(','),
    mpint() {
      const number = fields.string()
      if ((number[0] ?? 0) > 0x7f) throw new MalformedSsh('a number is negative')
      return number[0] === 0 ? number.subarray(1) : number
    },
    get left() {
      return rest.length
    },
    end() {
      if (rest.length > 0) throw new MalformedSsh('there is more than there should be')
    },
  }
  return fields
}

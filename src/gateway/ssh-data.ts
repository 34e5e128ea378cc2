import { malformed } from './refusal.ts'

/** Reads the data types of SSH (RFC 4251, section 5) from a whole message. Each throws `malformed_request` where it is not there. */
export interface SshReader {
  byte(): number
  uint32(): number
  string(): Buffer
  /** Throws when something is left. */
  end(): void
}

/** A reader of attacker-controlled bytes. What it answers are views of them. */
export function createSshReader(bytes: Buffer): SshReader {
  let at = 0
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw malformed('a message of SSH is shorter than it says')
    at += length
    return bytes.subarray(at - length, at)
  }
  const uint32 = () => take(4).readUInt32BE()
  return {
    byte: () => take(1).readUInt8(),
    uint32,
    string: () => take(uint32()),
    end() {
      if (at < bytes.length) throw malformed('a message of SSH is longer than it says')
    },
  }
}

/** `uint32`. */
export function sshUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** `string`: the parts, behind their length. */
export function sshString(...parts: readonly (Buffer | string)[]): Buffer {
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)))
  return Buffer.concat([sshUint32(bytes.length), bytes])
}

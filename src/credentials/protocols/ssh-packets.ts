import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { MalformedSsh, uint32 } from './ssh-wire.ts'

/** What one direction is encrypted with: AES-GCM, by the length of the key. */
export interface SshKeys {
  readonly key: Buffer
  readonly iv: Buffer
}

/** RFC 4253, section 6.1: what every implementation must take; nothing that we ask for is longer. */
const MAX_PACKET_BYTES = 35_000
const TAG_BYTES = 16
const LEAST_PADDING = 4

/** Bytes in the order in which they came. */
export interface ByteSource {
  /** Throws when they end first, or when there were too many. */
  take(count: number): Promise<Buffer>
}

/** Writes payloads as packets: in the clear (RFC 4253, section 6), encrypted from `keys` on (RFC 5647 as PROTOCOL of OpenSSH has it). */
export function createPacketWriter(): { write(payload: Buffer): Buffer; encrypt(keys: SshKeys): void } {
  let seal: ((length: Buffer, body: Buffer) => Buffer) | undefined
  return {
    encrypt(keys) {
      const nextIv = countIvs(keys.iv)
      seal = (length, body) => {
        const cipher = createCipheriv(nameOf(keys), keys.key, nextIv()).setAAD(length)
        return Buffer.concat([length, cipher.update(body), cipher.final(), cipher.getAuthTag()])
      }
    },
    write(payload) {
      const counted = 1 + payload.length + (seal === undefined ? 4 : 0) // encrypted ones leave their length out
      const block = seal === undefined ? 8 : 16
      const padding = LEAST_PADDING + ((block - ((counted + LEAST_PADDING) % block)) % block)
      const body = Buffer.concat([Buffer.of(padding), payload, randomBytes(padding)])
      const length = uint32(body.length)
      return seal?.(length, body) ?? Buffer.concat([length, body])
    },
  }
}

/** Reads the payloads of packets. Throws MalformedSsh, and what node:crypto throws for a packet that was changed. */
export function createPacketReader(source: ByteSource): { read(): Promise<Buffer>; decrypt(keys: SshKeys): void } {
  let open: ((length: Buffer, body: Buffer, tag: Buffer) => Buffer) | undefined
  return {
    decrypt(keys) {
      const nextIv = countIvs(keys.iv)
      open = (length, body, tag) => {
        const decipher = createDecipheriv(nameOf(keys), keys.key, nextIv(), { authTagLength: TAG_BYTES })
        decipher.setAAD(length).setAuthTag(tag)
        return Buffer.concat([decipher.update(body), decipher.final()])
      }
    },
    async read() {
      const length = await source.take(4)
      const bytes = length.readUInt32BE()
      if (bytes < 1 + LEAST_PADDING || bytes > MAX_PACKET_BYTES) throw new MalformedSsh('a packet has a length that none has')
      const body = await source.take(bytes)
      const plain = open === undefined ? body : open(length, body, await source.take(TAG_BYTES))
      const padding = plain.readUInt8()
      if (padding < LEAST_PADDING || padding > bytes - 2) throw new MalformedSsh('a packet is nothing but padding')
      return plain.subarray(1, bytes - padding)
    },
  }
}

/** The last eight bytes count the packets (RFC 5647, section 7.1). */
function countIvs(first: Buffer): () => Buffer {
  let count = first.readBigUInt64BE(4)
  return () => {
    const iv = Buffer.from(first)
    iv.writeBigUInt64BE(count, 4)
    count = BigInt.asUintN(64, count + 1n)
    return iv
  }
}

function nameOf({ key }: SshKeys): 'aes-256-gcm' | 'aes-128-gcm' {
  return key.length === 32 ? 'aes-256-gcm' : 'aes-128-gcm'
}

import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { duplexPair } from 'node:stream'
import type { Io } from '../../src/credentials/minting.ts'
import { encodePublicKey, signSsh } from '../../src/credentials/protocols/ssh-keys.ts'
import { createPacketReader, createPacketWriter } from '../../src/credentials/protocols/ssh-packets.ts'
import type { SshServer } from '../../src/credentials/protocols/ssh-transport.ts'
import { mpint, readFields, string, uint32 } from '../../src/credentials/protocols/ssh-wire.ts'

/** What a played server does otherwise than it should. */
export interface SshQuirks {
  readonly greeting?: string
  /** Its lists of algorithms, ten of them. */
  readonly lists?: (lists: string[]) => string[]
  readonly guesses?: boolean
  /** Its half of the key. */
  readonly point?: (point: Buffer) => Buffer
  readonly signature?: (signature: Buffer) => Buffer
  /** Instead of changing to the new keys. */
  readonly newKeys?: Buffer
  /** Changes each encrypted packet. */
  readonly packet?: (packet: Buffer) => Buffer
}

/** An encrypted connection, from the server’s side. */
export interface PlayedSsh {
  read(): Promise<Buffer>
  send(payload: Buffer): void
}

const LISTS = [
  ...['curve25519-sha256', 'ssh-ed25519', 'aes256-gcm@openssh.com', 'aes256-gcm@openssh.com'],
  ...['hmac-sha2-256', 'hmac-sha2-256', 'none', 'none', '', ''],
]

/** A server of SSH that is played in this process: what it may do wrong, and what it does once there are keys. */
export function playSsh(quirks: SshQuirks, play: (ssh: PlayedSsh) => Promise<void> = async () => undefined) {
  const { privateKey } = generateKeyPairSync('ed25519')
  const blob = encodePublicKey(createPublicKey(privateKey))
  const server: SshServer = { host: 'played', port: 22, hostKeys: [blob] }
  const unused = () => Promise.reject(new Error('it is not asked for'))
  const io: Io = { now: Date.now, secure: unused, exchange: unused, connect: async () => connect(privateKey, blob, quirks, play) }
  return { io, server }
}

function connect(hostKey: KeyObject, blob: Buffer, quirks: SshQuirks, play: (ssh: PlayedSsh) => Promise<void>) {
  const [theirs, ours] = duplexPair()
  ours.on('error', () => {})
  const arriving = ours[Symbol.asyncIterator]()
  let held: Buffer = Buffer.alloc(0)
  const take = async (count: number): Promise<Buffer> => {
    while (held.length < count) {
      const { value, done } = await arriving.next()
      if (done) throw new Error('the client is gone')
      held = Buffer.concat([held, value])
    }
    const taken = held.subarray(0, count)
    held = held.subarray(count)
    return taken
  }
  const [reader, writer] = [createPacketReader({ take }), createPacketWriter()]
  const run = async (): Promise<void> => {
    const greeting = quirks.greeting ?? 'SSH-2.0-played\r\n'
    ours.write(greeting)
    let version = ''
    while (!version.endsWith('\r\n')) version += (await take(1)).toString('latin1')
    const theirOffer = await reader.read()
    const names = (quirks.lists?.([...LISTS]) ?? LISTS).map((list) => string(list))
    const offer = Buffer.concat([
      Buffer.of(20),
      Buffer.alloc(16),
      ...names,
      Buffer.of(quirks.guesses === true ? 1 : 0),
      uint32(0),
    ])
    ours.write(writer.write(offer))
    const init = readFields(await reader.read())
    init.byte()
    const theirPoint = init.string()
    const pair = generateKeyPairSync('x25519')
    const own = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
    const point = quirks.point?.(own) ?? own
    const key = { kty: 'OKP', crv: 'X25519', x: theirPoint.toString('base64url') }
    const secret = mpint(diffieHellman({ privateKey: pair.privateKey, publicKey: createPublicKey({ format: 'jwk', key }) }))
    const spoken = [version.trim(), greeting.trim(), theirOffer, offer, blob, theirPoint, point].map((part) => string(part))
    const hash = sha256(...spoken, secret)
    const signature = signSsh(hostKey, hash)
    const reply = [string(blob), string(point), string(quirks.signature?.(signature) ?? signature)]
    ours.write(writer.write(Buffer.concat([Buffer.of(31), ...reply])))
    ours.write(writer.write(quirks.newKeys ?? Buffer.of(21)))
    await reader.read()
    const derive = (letter: string): Buffer => sha256(secret, hash, Buffer.from(letter), hash)
    reader.decrypt({ iv: derive('A').subarray(0, 12), key: derive('C') })
    writer.encrypt({ iv: derive('B').subarray(0, 12), key: derive('D') })
    const send = (payload: Buffer): void => {
      const packet = writer.write(payload)
      ours.write(quirks.packet?.(packet) ?? packet)
    }
    await play({ read: reader.read, send })
  }
  run().catch(() => ours.destroy()) // the client went away
  return theirs
}

function sha256(...parts: readonly Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest()
}

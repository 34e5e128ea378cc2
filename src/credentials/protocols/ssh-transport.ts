import type { Duplex } from 'node:stream'
import { StintError } from '../../errors.ts'
import type { Io } from '../minting.ts'
import { exchangeKeys } from './ssh-exchange.ts'
import { type ByteSource, createPacketReader, createPacketWriter } from './ssh-packets.ts'
import { type Fields, MalformedSsh, readFields } from './ssh-wire.ts'

/** A server and the public keys one of which it must prove, each as SSH writes it. */
export interface SshServer {
  readonly host: string
  readonly port: number
  readonly hostKeys: readonly Buffer[]
}

/** One message: its number and what follows. Attacker-controlled. */
export interface SshMessage {
  readonly type: number
  readonly fields: Fields
}

/** An encrypted connection to a server that proved its host key. */
export interface SshTransport {
  /** RFC 4253, section 7.2. */
  readonly sessionId: Buffer
  send(payload: Buffer): void
  /** The next message that is no chatter. Throws `upstream_failed` when the server disconnects. */
  read(): Promise<SshMessage>
}

const VERSION = 'SSH-2.0-Stint'
/** RFC 4253, section 4.2: lines may come before the version, which is at most 255 bytes with its end. */
const MAX_GREETING_BYTES = 8192
const MAX_LINE_BYTES = 255
const TIMEOUT_MS = 10_000
/** What one session may answer in all. */
const MAX_BYTES = 1024 * 1024
/** RFC 4253, section 12. */
const [DISCONNECT, IGNORE, DEBUG, EXT_INFO, NEWKEYS] = [1, 2, 4, 7, 21]
const LF = 10

/**
 * One short session: connects, has the server prove its host key, works, and closes. Throws what `connect` throws, `upstream_failed` for a
 * server that is another one or says what is no SSH, `upstream_timeout` when all of it takes longer than 10 s.
 */
export async function withSsh<T>(io: Io, server: SshServer, work: (ssh: SshTransport) => Promise<T>): Promise<T> {
  const { host, port } = server
  const connection = await io.connect({ host, port, tls: false })
  const late = new StintError('upstream_timeout', `the SSH server at ${host}:${port} did not answer in time`)
  const timer = setTimeout(() => connection.destroy(late), TIMEOUT_MS)
  connection.on('error', () => {}) // the reader throws it
  try {
    return await work(await open(connection, server.hostKeys))
  } catch (thrown) {
    if (thrown instanceof StintError) throw thrown
    const why = thrown instanceof MalformedSsh ? thrown.message : 'it broke'
    throw new StintError('upstream_failed', `the session with the SSH server cannot go on: ${why}`, { cause: thrown })
  } finally {
    clearTimeout(timer)
    connection.destroy()
  }
}

async function open(connection: Duplex, hostKeys: readonly Buffer[]): Promise<SshTransport> {
  const source = createSource(connection[Symbol.asyncIterator]())
  const [writer, reader] = [createPacketWriter(), createPacketReader(source)]
  const send = (payload: Buffer): void => void connection.write(writer.write(payload))
  connection.write(`${VERSION}\r\n`)
  const versions = { client: VERSION, server: await readVersion(source) }
  const { id, forth, back } = await exchangeKeys({ send, read: reader.read }, versions, hostKeys)
  send(Buffer.of(NEWKEYS))
  writer.encrypt(forth)
  const changed = await reader.read()
  if (changed.length !== 1 || changed[0] !== NEWKEYS) throw new MalformedSsh('the server does not change to the new keys')
  reader.decrypt(back)
  return { sessionId: id, send, read: () => readMessage(reader.read) }
}

async function readVersion(source: ByteSource): Promise<string> {
  for (let left = MAX_GREETING_BYTES; left > 0; ) {
    const line: number[] = []
    while (line.at(-1) !== LF) {
      if (line.length >= Math.min(left, MAX_LINE_BYTES)) throw new MalformedSsh('the server greets with too much')
      line.push((await source.take(1)).readUInt8())
    }
    left -= line.length
    const text = Buffer.from(line)
      .toString('latin1')
      .replace(/\r?\n$/, '')
    if (/^SSH-2\.0-[\x20-\x7e]+$/.test(text)) return text
    if (text.startsWith('SSH-')) throw new MalformedSsh('the server speaks another version')
  }
  throw new MalformedSsh('the server greets with too much')
}

async function readMessage(read: () => Promise<Buffer>): Promise<SshMessage> {
  for (;;) {
    const fields = readFields(await read())
    const type = fields.byte()
    if (type === IGNORE || type === DEBUG || type === EXT_INFO) continue
    if (type !== DISCONNECT) return { type, fields }
    const [reason, words] = [fields.uint32(), fields.string().toString('latin1')]
    const operatorDetail = `SSH disconnects (${reason}): ${words.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 300)}`
    throw new StintError('upstream_failed', 'the SSH server disconnects', { operatorDetail })
  }
}

/** The bytes of what arrives, up to what one session may answer. */
function createSource(arriving: AsyncIterator<Buffer>): ByteSource {
  let [held, total]: [Buffer, number] = [Buffer.alloc(0), 0]
  return {
    async take(count) {
      const parts = [held]
      for (let bytes = held.length; bytes < count; ) {
        const { value, done } = await arriving.next()
        if (done) throw new StintError('upstream_failed', 'the SSH server closed the connection')
        bytes += value.length
        total += value.length
        if (total > MAX_BYTES) throw new MalformedSsh('the server says too much')
        parts.push(value)
      }
      const all = parts.length === 1 ? held : Buffer.concat(parts)
      held = all.subarray(count)
      return all.subarray(0, count)
    },
  }
}

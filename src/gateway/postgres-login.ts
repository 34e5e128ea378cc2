import type { Duplex } from 'node:stream'
import type { Injection } from '../credentials/connector.ts'
import { StintError } from '../errors.ts'
import { type ByteReader, createByteReader } from './byte-reader.ts'
import { cstring, int32, type Message, readError, readMessage, writeMessage, writeStartup } from './postgres-messages.ts'
import { createScram, type Scram } from './scram.ts'

export type Login = Extract<Injection, { kind: 'login' }>

/** A session that a server opened. */
export interface LoggedIn {
  /** What the server told of itself on the way, for the client: parameters and notices, as they came. */
  readonly told: Buffer
  /** What cancels the session's work ("CancelRequest"), in hex; none where the server gave none. */
  readonly cancelKey: Buffer | undefined
  /** ReadyForQuery, as it came. */
  readonly ready: Buffer
}

const TIMEOUT_MS = 10_000
const MAX_TOLD_BYTES = 64 * 1024
const [OK, CLEARTEXT, SASL, SASL_CONTINUE, SASL_FINAL] = [0, 3, 10, 11, 12]
const MECHANISM = 'SCRAM-SHA-256'

/** What is asked of a login. */
export interface LoginWish {
  readonly login: Login
  readonly database: string
  /** Further parameters, as the client gave them. */
  readonly settings: ReadonlyMap<string, string>
  /** The connection is in the clear: a password is not shown on it. */
  readonly isClear: boolean
}

/**
 * Logs in on an open connection, which is given back paused. The password is proved by SCRAM, and so is that the server knows it; in the
 * clear, where the server asks for that, within TLS only. Throws `upstream_failed`, `upstream_timeout`; the connection is gone then.
 */
export async function logIn(upstream: Duplex, { login, database, settings, isClear }: LoginWish): Promise<LoggedIn> {
  const late = new StintError('upstream_timeout', 'PostgreSQL did not answer in time')
  const timer = setTimeout(() => upstream.destroy(late), TIMEOUT_MS)
  const reader = createByteReader(upstream, () => new StintError('upstream_failed', 'PostgreSQL closed the connection'))
  try {
    upstream.write(writeStartup(new Map([...settings, ['user', login.username], ['database', database]])))
    await authenticate(upstream, reader, login, isClear)
    return await untilReady(reader)
  } catch (thrown) {
    upstream.destroy()
    throw thrown
  } finally {
    clearTimeout(timer)
    reader.release()
  }
}

/** "Authentication…": a server that began with SASL is not believed before it has proved itself. */
async function authenticate(upstream: Duplex, reader: ByteReader, { value }: Login, isClear: boolean): Promise<void> {
  let scram: Scram | undefined
  let isProved = false
  for (;;) {
    const { type, body } = await readReply(reader)
    if (type !== 'R' || body.length < 4) throw notSpoken()
    const [asked, data] = [body.readInt32BE(), body.subarray(4)]
    if (asked === OK && (scram === undefined || isProved)) return
    if (asked === CLEARTEXT && !isClear && scram === undefined) {
      upstream.write(writeMessage('p', cstring(value.reveal())))
    } else if (asked === SASL && scram === undefined && data.toString('latin1').split('\0').includes(MECHANISM)) {
      scram = createScram(value)
      const first = Buffer.from(scram.first)
      upstream.write(writeMessage('p', cstring(MECHANISM), int32(first.length), first))
    } else if (asked === SASL_CONTINUE && scram !== undefined && !isProved) {
      upstream.write(writeMessage('p', Buffer.from(await scram.answer(data.toString('latin1')))))
    } else if (asked === SASL_FINAL && scram !== undefined) {
      scram.verify(data.toString('latin1'))
      isProved = true
    } else throw notSpoken()
  }
}

async function untilReady(reader: ByteReader): Promise<LoggedIn> {
  const told: Buffer[] = []
  let [toldBytes, cancelKey]: [number, Buffer | undefined] = [0, undefined]
  for (;;) {
    const { type, body } = await readReply(reader)
    const message = writeMessage(type, body)
    if (type === 'Z') return { told: Buffer.concat(told), cancelKey, ready: message }
    if (type === 'K' && body.length === 8) cancelKey = body
    else if (type === 'S' || type === 'N') told.push(message)
    else throw notSpoken()
    toldBytes += message.length
    if (toldBytes > MAX_TOLD_BYTES) throw notSpoken()
  }
}

/** Throws `upstream_failed` for an error: its number is for the caller, its words are the operator's. */
async function readReply(reader: ByteReader): Promise<Message> {
  const message = await readMessage(reader)
  if (message.type !== 'E') return message
  const { sqlState, words } = readError(message)
  const detail = `PostgreSQL does not open a session (SQLSTATE ${sqlState || 'unknown'})`
  throw new StintError('upstream_failed', detail, { operatorDetail: words })
}

function notSpoken(): StintError {
  return new StintError('upstream_failed', 'PostgreSQL logs in by SCRAM-SHA-256, or its answer is not to a login')
}

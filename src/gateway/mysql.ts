import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { asStintError, StintError } from '../errors.ts'
import type { Flow, Outcome } from '../model.ts'
import { createByteReader } from './byte-reader.ts'
import type { Dial } from './dial.ts'
import { createMysqlScreen } from './mysql-commands.ts'
import { greet, type Hello, readHello } from './mysql-greeting.ts'
import { logIn } from './mysql-login.ts'
import { writePacket, writeRefusalPacket } from './mysql-packets.ts'
import { outcomeOf, startTally } from './outcome.ts'
import { malformed, refusalOf } from './refusal.ts'
import { splice } from './splice.ts'
import { brokenOff, loginOf, serveSession, type WirePlace, type WireSession, type WireVerbs } from './wire-session.ts'

const HANDSHAKE_MS = 10_000

/**
 * The MySQL entrance: Stint greets as a server and takes any password, since the connection is proved; the session is decided by the user
 * and the database that the client names, Stint logs in upstream, and the session's bytes go on. Answers when it is over; never rejects.
 */
export function createMysql(verbs: WireVerbs, dial: Dial) {
  return async (wire: WireSession): Promise<void> => {
    const { socket } = wire
    const correlationId = randomUUID()
    let sequence = 1
    try {
      const hello = await shakeHands(socket)
      sequence = hello.sequence
      const { user, database } = hello
      const carryOut = (place: WirePlace, flow: Flow) => carry(dial, wire, place, hello, flow)
      const served = await serveSession(verbs, wire, {
        scheme: 'mysql',
        opening: { user, database },
        correlationId,
        carry: carryOut,
      })
      if ('refusal' in served) socket.end(writeRefusalPacket(sequence + 1, served.refusal), () => socket.destroySoon())
    } catch (thrown) {
      socket.end(writeRefusalPacket(sequence + 1, refusalOf(asStintError(thrown), correlationId)), () => socket.destroySoon())
    }
  }
}

async function shakeHands(socket: Socket): Promise<Hello> {
  const reader = createByteReader(socket, () => malformed('the handshake did not arrive'))
  const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS)
  try {
    socket.write(greet())
    return await readHello(reader)
  } finally {
    clearTimeout(timer)
    reader.release()
  }
}

async function carry(dial: Dial, { socket }: WireSession, place: WirePlace, hello: Hello, flow: Flow): Promise<Outcome> {
  const { host, port, tls, lease } = place
  const login = loginOf(lease)
  const { privateNetworks, trustedCa } = lease
  const tally = startTally()
  const connection = await dial.dial({ host, port, tls: false, privateNetworks })
  connection.on('error', () => {}) // whoever reads is told
  flow.onCut(() => connection.destroy())
  const late = new StintError('upstream_timeout', 'the server did not log in the session in time')
  const timer = setTimeout(() => connection.destroy(late), HANDSHAKE_MS)
  const wish = { hello, username: login.username, password: login.value.reveal() }
  try {
    const secured = tls ? { secure: () => dial.secure(connection, { host, trustedCa }) } : {}
    const { upstream, ok } = await logIn(connection, { ...wish, ...secured })
    if (flow.isCut || socket.destroyed) throw brokenOff()
    clearTimeout(timer)
    socket.write(writePacket(hello.sequence + 1, ok))
    return outcomeOf(tally, await splice(socket, upstream, flow, tally, { forth: createMysqlScreen() }))
  } catch (thrown) {
    connection.destroy()
    throw flow.isCut ? brokenOff() : thrown
  } finally {
    clearTimeout(timer)
  }
}

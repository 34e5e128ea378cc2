import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { StintError } from '../errors.ts'
import type { Flow, Outcome } from '../model.ts'
import { createByteReader } from './byte-reader.ts'
import type { Dial } from './dial.ts'
import { outcomeOf, startTally } from './outcome.ts'
import { createRedisScreen } from './redis-commands.ts'
import { refusalText } from './refusal.ts'
import { splice } from './splice.ts'
import { brokenOff, loginOf, serveSession, type WirePlace, type WireSession, type WireVerbs } from './wire-session.ts'

const LOGIN_MS = 10_000
const MAX_ANSWER_BYTES = 1024

/**
 * The Redis entrance: a connection is decided when it opens, since its client names nobody; Stint logs in upstream, and the session's bytes
 * go on, but for commands that would make it another's. Answers when the session is over; never rejects.
 */
export function createRedis(verbs: WireVerbs, dial: Dial) {
  return async (wire: WireSession): Promise<void> => {
    const { socket } = wire
    socket.pause()
    const served = await serveSession(verbs, wire, {
      scheme: 'redis',
      opening: { user: '', database: '' },
      correlationId: randomUUID(),
      carry: (place, flow) => carry(dial, wire, place, flow),
    })
    if (!('refusal' in served) || socket.destroyed) return
    socket.resume().end(`-NOPERM ${refusalText(served.refusal).line}\r\n`, () => socket.destroySoon())
  }
}

async function carry(dial: Dial, { socket }: WireSession, place: WirePlace, flow: Flow): Promise<Outcome> {
  const { host, port, tls, lease } = place
  const { privateNetworks, trustedCa } = lease
  const tally = startTally()
  const upstream = await dial.dial({ host, port, tls, privateNetworks, trustedCa, alpn: [] })
  upstream.on('error', () => {}) // whoever reads is told
  flow.onCut(() => upstream.destroy())
  try {
    await logIn(upstream, place)
  } catch (thrown) {
    upstream.destroy()
    throw flow.isCut ? brokenOff() : thrown
  }
  if (flow.isCut || socket.destroyed) {
    upstream.destroy()
    throw brokenOff()
  }
  const screen = createRedisScreen(() => socket.destroy())
  return outcomeOf(tally, await splice(socket, upstream, flow, tally, { forth: screen }))
}

/** AUTH with the lease's user; nothing of the client goes on before its `+OK`. */
async function logIn(upstream: Duplex, { lease }: WirePlace): Promise<void> {
  const login = loginOf(lease)
  const timer = setTimeout(() => upstream.destroy(new StintError('upstream_timeout', 'Redis did not answer in time')), LOGIN_MS)
  const reader = createByteReader(upstream, () => new StintError('upstream_failed', 'Redis closed the connection'))
  try {
    const words = ['AUTH', login.username, login.value.reveal()]
    upstream.write(`*3\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`)
    let answer = ''
    while (!answer.endsWith('\n') && answer.length < MAX_ANSWER_BYTES) answer += (await reader.read(1)).toString('latin1')
    if (answer !== '+OK\r\n') throw new StintError('upstream_failed', 'Redis did not log in the user of this session')
  } finally {
    clearTimeout(timer)
    reader.release()
  }
}

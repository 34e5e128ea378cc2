import { randomUUID } from 'node:crypto'
import type { Refusal } from '../broker.ts'
import type { Flow, Outcome } from '../model.ts'
import type { Dial } from './dial.ts'
import { outcomeOf, startTally } from './outcome.ts'
import { refusalText } from './refusal.ts'
import { splice } from './splice.ts'
import { sshString, sshUint32 } from './ssh-data.ts'
import { watchKeyExchange } from './ssh-key-exchange.ts'
import type { SshSessions } from './ssh-sessions.ts'
import { brokenOff, serveSession, type WirePlace, type WireSession, type WireVerbs } from './wire-session.ts'

/** SSH_MSG_DISCONNECT, and SSH_DISCONNECT_HOST_NOT_ALLOWED_TO_CONNECT (RFC 4253, section 11.1). */
const [DISCONNECT, NOT_ALLOWED] = [1, 1]
/** OpenSSH shows no more. */
const MAX_WORDS = 400

/**
 * The SSH entrance: a connection is decided when it opens, and carried: the session in it is between the client and the server. Its
 * logins are decided where they are signed, by the agent, which knows this session by what the server signed. Answers when it is over;
 * never rejects.
 */
export function createSsh(verbs: WireVerbs, dial: Dial, sessions: SshSessions) {
  return async (wire: WireSession): Promise<void> => {
    const { socket } = wire
    socket.pause()
    const served = await serveSession(verbs, wire, {
      scheme: 'ssh',
      opening: { user: '', database: '', stage: 'connect' },
      correlationId: randomUUID(),
      carry: (place, flow) => carry(dial, wire, { place, flow, sessions }),
    })
    if (!('refusal' in served) || socket.destroyed) return
    socket.resume().end(disconnect(served.refusal), () => socket.destroySoon())
  }
}

async function carry(
  dial: Dial,
  { socket, caller: { taskId = '' } }: WireSession,
  { place, flow, sessions }: { place: WirePlace; flow: Flow; sessions: SshSessions },
): Promise<Outcome> {
  const { host, port, lease } = place
  const tally = startTally()
  const upstream = await dial.dial({ host, port, tls: false, privateNetworks: lease.privateNetworks })
  if (flow.isCut || socket.destroyed) {
    upstream.destroy()
    throw brokenOff()
  }
  let forget = () => {}
  const back = watchKeyExchange((signature) => (forget = sessions.add(taskId, signature, { host, port })))
  try {
    return outcomeOf(tally, await splice(socket, upstream, flow, tally, { back }))
  } finally {
    forget()
  }
}

/** A version and a disconnect in the clear (RFC 4253, sections 4.2, 6 and 11.1): clients show its words, and no line that comes before. */
function disconnect(refusal: Refusal): Buffer {
  const words = refusalText(refusal)
    .line.replaceAll('’', "'")
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(0, MAX_WORDS)
  const payload = Buffer.concat([Buffer.of(DISCONNECT), sshUint32(NOT_ALLOWED), sshString(words), sshString('en')])
  const padding = 4 + ((8 - ((payload.length + 9) % 8)) % 8)
  const packet = [sshUint32(payload.length + 1 + padding), Buffer.of(padding), payload, Buffer.alloc(padding)]
  return Buffer.concat([Buffer.from('SSH-2.0-Stint\r\n'), ...packet])
}

import { createPrivateKey, randomUUID, sign } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Broker } from '../broker.ts'
import { asStintError, StintError } from '../errors.ts'
import type { Caller, Outcome, Target } from '../model.ts'
import { outcomeOf, startTally } from './outcome.ts'
import type { GatewayProof } from './proof.ts'
import { createSshReader, type SshReader, sshString, sshUint32 } from './ssh-data.ts'
import { isSignedByHost } from './ssh-host-key.ts'
import { CERTIFICATE_TYPE, readLogin } from './ssh-login.ts'
import type { SshSessions } from './ssh-sessions.ts'
import { serveSession, type WirePlace, type WireSession, type WireVerbs } from './wire-session.ts'

/** What the agent needs of the rest of the product. */
export interface SshAgentVerbs extends WireVerbs {
  readonly refuseUndecided: Broker<GatewayProof>['refuseUndecided']
}

/** Message numbers (draft-ietf-sshm-ssh-agent, section 6.1). */
const [REQUEST_IDENTITIES, IDENTITIES_ANSWER, SIGN_REQUEST, SIGN_RESPONSE, EXTENSION] = [11, 12, 13, 14, 27]
export const SSH_AGENT_FAILURE = Buffer.of(5)
const SUCCESS = Buffer.of(6)
const SESSION_BIND = 'session-bind@openssh.com'
const MAX_IDENTITIES = 16

/** The one session that this agent signs a login in. */
interface Bound {
  readonly place: WireSession['place']
  readonly hostKey: Buffer
  readonly sessionId: Buffer
}

/**
 * Answers the messages of one agent connection, in their order. The client first binds it to a session (OpenSSH, PROTOCOL.agent, section
 * 1), which must be one of its task, open through this gateway; then it is shown a certificate for each principal of that session's target
 * that its task may log in as; then logins in that session are signed. Every step is decided or recorded, all else is a failure. Never
 * rejects.
 */
export function createSshAgentSession(
  verbs: SshAgentVerbs,
  sessions: SshSessions,
  { socket, caller }: { readonly socket: Socket; readonly caller: Caller },
): (message: Buffer) => Promise<Buffer> {
  let bound: Bound | undefined
  let bindings = 0
  /** Who each certificate that was shown is for, by the certificate. */
  const shown = new Map<string, string>()
  return async (message) => {
    try {
      return await answer(createSshReader(message))
    } catch (thrown) {
      await verbs.refuseUndecided(randomUUID(), caller, asStintError(thrown))
      return SSH_AGENT_FAILURE
    }
  }

  async function answer(reader: SshReader): Promise<Buffer> {
    switch (reader.byte()) {
      case REQUEST_IDENTITIES:
        reader.end()
        return list()
      case SIGN_REQUEST:
        return signLogin(reader)
      case EXTENSION:
        return reader.string().toString('latin1') === SESSION_BIND ? bind(reader) : SSH_AGENT_FAILURE
      default:
        return SSH_AGENT_FAILURE
    }
  }

  /** Host key, session id, its signature, and whether it is for a forwarded agent. Once, and for nobody further away. */
  function bind(reader: SshReader): Buffer {
    const [hostKey, sessionId, signature] = [reader.string(), reader.string(), reader.string()]
    const isForwarded = reader.byte() !== 0
    reader.end()
    bindings += 1
    if (bindings > 1 || isForwarded) throw refused('the agent is bound to one session, and never forwarded')
    const place = sessions.find(caller.taskId ?? '', signature)
    if (place === undefined) throw refused('the session is none that this task has open through Stint')
    const target = verbs.match('ssh', place.host, place.port)
    if (!hostKeysOf(target).some((one) => one.equals(hostKey))) throw refused('the host key is none that the target declares')
    if (!isSignedByHost({ hostKey, signature, signed: sessionId })) throw refused('the session is not signed by the host key')
    bound = { place, hostKey: Buffer.from(hostKey), sessionId: Buffer.from(sessionId) }
    return SUCCESS
  }

  /** Nothing is made for who cannot use it: a client that binds nothing is shown nothing. */
  async function list(): Promise<Buffer> {
    if (bound === undefined) {
      if (bindings === 0) throw refused('the agent was bound to no session; OpenSSH does so from version 8.9 on')
      return Buffer.concat([Buffer.of(IDENTITIES_ANSWER), sshUint32(0)])
    }
    const { place } = bound
    const target = verbs.match('ssh', place.host, place.port)
    const principals = [target?.settings?.principals ?? []].flat().slice(0, MAX_IDENTITIES)
    const offers = await Promise.all(principals.map((user) => offer(place, user)))
    const identities = offers.flat()
    return Buffer.concat([Buffer.of(IDENTITIES_ANSWER), sshUint32(identities.length), ...identities])
  }

  /** The certificate for one user, and a comment; nothing where it is refused. */
  async function offer(place: WireSession['place'], user: string): Promise<readonly Buffer[]> {
    const offered: Buffer[] = []
    await serve(place, { user, stage: 'offer' }, (wire) => {
      const { certificate } = keyOf(wire)
      shown.set(certificate.toString('base64'), user)
      offered.push(Buffer.concat([sshString(certificate), sshString(`${user}@${place.host}`)]))
    })
    return offered
  }

  async function signLogin(reader: SshReader): Promise<Buffer> {
    const [certificate, data, flags] = [reader.string(), reader.string(), reader.uint32()]
    reader.end()
    const user = shown.get(certificate.toString('base64'))
    if (bound === undefined || user === undefined) throw refused('the key is none that this agent has shown')
    if (flags !== 0) throw refused('Ed25519 keys sign in one way only')
    if (readIn(bound, data, certificate) !== user) throw refused(`the certificate is for ${user}, and the login for another user`)
    let response = SSH_AGENT_FAILURE
    await serve(bound.place, { user, stage: 'sign' }, (wire) => {
      const held = keyOf(wire)
      if (!held.certificate.equals(certificate)) throw refused('the certificate has been replaced by a newer one')
      const signature = sign(null, data, createPrivateKey(held.value.reveal()))
      response = Buffer.concat([Buffer.of(SIGN_RESPONSE), sshString(sshString('ssh-ed25519'), sshString(signature))])
    })
    return response
  }

  async function serve(
    place: WireSession['place'],
    { user, stage }: { readonly user: string; readonly stage: 'offer' | 'sign' },
    act: (wire: WirePlace) => void,
  ): Promise<void> {
    await serveSession(
      verbs,
      { socket, place, caller },
      {
        scheme: 'ssh',
        opening: { user, database: '', stage },
        correlationId: randomUUID(),
        async carry(wire): Promise<Outcome> {
          const tally = startTally()
          act(wire)
          return outcomeOf(tally, 'completed')
        },
      },
    )
  }
}

/** What cannot be read as a login is none. */
function readIn(bound: Bound, data: Buffer, certificate: Buffer): string {
  try {
    return readLogin(data, { ...bound, certificate })
  } catch (thrown) {
    if (thrown instanceof StintError && thrown.code === 'malformed_request') throw refused('what is to be signed is not a login')
    throw thrown
  }
}

/** Keys in the form of known_hosts, without the host. */
function hostKeysOf(target: Target | undefined): readonly Buffer[] {
  return [target?.settings?.host_keys ?? []].flat().map((line) => Buffer.from(line.split(' ')[1] ?? '', 'base64'))
}

function keyOf({ lease }: WirePlace) {
  const found = lease.injections.find((one) => one.kind === 'ssh')
  const [type, text = ''] = found?.certificate.split(' ') ?? []
  if (found === undefined || type !== CERTIFICATE_TYPE)
    throw new StintError('credential_missing', 'the lease holds no certificate')
  return { certificate: Buffer.from(text, 'base64'), value: found.value }
}

function refused(detail: string): StintError {
  return new StintError('signing_refused', detail)
}

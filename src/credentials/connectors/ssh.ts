import { StintError } from '../../errors.ts'
import type { Action, Target } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { Connector } from '../connector.ts'
import type { Grant, Io, Issued, Minting, MintOrder, Prepared } from '../minting.ts'
import { serverOf } from '../protocols/one-server.ts'
import { sessionOnly } from '../protocols/session-only.ts'
import { listOf, settingOf } from '../protocols/setting.ts'
import { certify, makeKey, writeCertificate } from '../protocols/ssh-certificate.ts'
import { runCommand } from '../protocols/ssh-command.ts'
import { claimsOf, makeOwn, readMaterial, SKEW_MS, writeKey, writeMaterial } from '../protocols/ssh-issue.ts'
import { decodePublicKey } from '../protocols/ssh-keys.ts'
import { beginLogin } from '../protocols/ssh-login.ts'
import { readPrivateKey } from '../protocols/ssh-private-key.ts'
import { type SshServer, withSsh } from '../protocols/ssh-transport.ts'

/** Where it cannot be revoked this is how long it lives, so it is short: the next one is made before it ends. */
const LONGEST_MS = 15 * 60_000
/** One that was lost may have been made so long after it was ordered. */
const LATEST_MS = 60_000
const LEASE_ID = /^lease_[a-z2-7]{6,58}$/
const LOGIN_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/
const ONE_LINE = /^[\x20-\x7e]{1,1000}$/
const HOST_KEY = /^(?:ssh-ed25519|ecdsa-sha2-nistp256|ssh-rsa) ([A-Za-z0-9+/]{40,1500}={0,2})(?: [\x20-\x7e]{0,200})?$/
const OCTET = '(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
const CIDR = new RegExp(
  `^(?:${OCTET}(?:\\.${OCTET}){3}/(?:3[0-2]|[12]?[0-9])|[0-9a-f:]{2,39}/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9]))$`,
)

const minting: Minting = {
  settings: {
    principals: {
      summary: 'The login names that tasks may use; each certificate is for one of them.',
      required: true,
      isList: true,
      pattern: LOGIN_NAME,
    },
    host_keys: {
      summary:
        'The server’s public host keys, each as in /etc/ssh/ssh_host_ed25519_key.pub: `ssh-ed25519`, `ecdsa-sha2-nistp256` or `ssh-rsa`, then base64.',
      required: true,
      isList: true,
      pattern: HOST_KEY,
    },
    force_command: {
      summary: 'The only command that sessions run, whatever they ask for; SSH_ORIGINAL_COMMAND has what that was.',
      required: false,
      isList: false,
      pattern: ONE_LINE,
    },
    source_address: {
      summary: 'Networks that logins may come from, as CIDR. Sessions come from Stint, so they are Stint’s own.',
      required: false,
      isList: true,
      pattern: CIDR,
    },
    extensions: {
      summary:
        'What certificates permit beside `permit-pty`: `permit-port-forwarding` lets a task reach whatever the server reaches.',
      required: false,
      isList: true,
      pattern: /^permit-(?:X11-forwarding|agent-forwarding|port-forwarding|user-rc)$/,
    },
    revoke_as: {
      summary:
        'A login name that only revokes, none of `principals`. Without it certificates are not revoked, and die within 15 minutes.',
      required: false,
      isList: false,
      pattern: LOGIN_NAME,
    },
    revoke_command: {
      summary:
        'The command that `revoke_as` runs: it adds the key id on its standard input (`id: lease_…`, as ssh-keygen reads it) to the server’s RevokedKeys.',
      required: false,
      isList: false,
      pattern: ONE_LINE,
    },
  },
  checkTarget,
  propagationMs: 0,
  maxLifeMs: LONGEST_MS + LATEST_MS,
  grant,
  prepare({ standing }) {
    readPrivateKey(standing) // without it nothing is made
    return { material: writeMaterial(makeKey()), handle: {} }
  },
  mint,
  place,
  revoke,
  probe,
}

function checkTarget(target: Target): void {
  serverOf(target)
  const wrong = listOf(target, 'host_keys').find((line) => !isKey(line))
  if (wrong !== undefined) throw new StintError('invalid_argument', `settings.host_keys takes public keys; ${wrong} is none`)
  const [user, command] = [settingOf(target, 'revoke_as'), settingOf(target, 'revoke_command')]
  if ((user === '') !== (command === ''))
    throw new StintError('invalid_argument', 'settings.revoke_as and settings.revoke_command go together')
  if (listOf(target, 'principals').includes(user))
    throw new StintError('invalid_argument', 'settings.revoke_as takes a name of its own: tasks log in as the principals')
}

function isKey(line: string): boolean {
  try {
    return decodePublicKey(blobOf(line)).type === 'public'
  } catch {
    return false
  }
}

function blobOf(hostKey: string): Buffer {
  return Buffer.from(hostKey.split(' ')[1] ?? '', 'base64')
}

/** What a session as this login name may be asked for: settings say it for all tasks alike. */
function grant({ target, action }: Parameters<Minting['grant']>[0]): Grant | undefined {
  if (action.id === 'ssh:Connection::open') return undefined
  const { resource: principal } = action
  if (!['ssh:Certificate::offer', 'ssh:Session::open'].includes(action.id)) throw unknown('ssh knows connections and sessions')
  checkPrincipal(principal, target)
  const command = settingOf(target, 'force_command')
  const sources = listOf(target, 'source_address').join(',')
  const extensions = ['permit-pty', ...listOf(target, 'extensions')]
  const runs = command === '' ? 'runs whatever that user may' : `runs only: ${command}`
  return {
    key: JSON.stringify([principal, command, sources, extensions]),
    reach: [`Logs in to ${target.id} as ${principal} and ${runs}`.slice(0, 200)],
    terms: { principal, force_command: command, source_address: sources, extensions },
  }
}

function checkPrincipal(user: string, target: Target): void {
  if (!listOf(target, 'principals').includes(user)) throw unknown('settings.principals does not name this login name')
}

function unknown(detail: string): StintError {
  return new StintError('unknown_action', detail)
}

async function mint(
  order: MintOrder,
  prepared: Prepared | undefined,
  io: Io,
): Promise<Prepared & { readonly expiresAt: number }> {
  if (prepared === undefined) throw new StintError('internal', 'a key was not chosen')
  const { key } = readMaterial(prepared.material)
  const now = io.now()
  const expiresAt = Math.min(order.expiresAt, now + LONGEST_MS)
  const certificate = certify(key, claimsOf(order, order.leaseId, now, expiresAt), readPrivateKey(order.standing))
  return { material: writeMaterial(key, certificate), handle: {}, expiresAt }
}

function place({ leaseId, material }: { readonly leaseId: string; readonly material: Secret }) {
  const { key, certificate } = readMaterial(material)
  if (certificate === undefined) return []
  return [{ kind: 'ssh' as const, certificate: writeCertificate(certificate, leaseId), value: new Secret(writeKey(key)) }]
}

/** By its key id, which is the lease’s, so that it needs neither key nor certificate. One that is over by every clock needs no revocation. */
async function revoke({ target, leaseId, standing, expiresAt }: Issued, io: Io): Promise<{ readonly irrevocableUntil?: number }> {
  const now = io.now()
  const [user, command] = [settingOf(target, 'revoke_as'), settingOf(target, 'revoke_command')]
  if (user === '') return { irrevocableUntil: Math.min(expiresAt, now + LONGEST_MS) }
  if (expiresAt + SKEW_MS <= now) return {}
  if (!LEASE_ID.test(leaseId)) throw new StintError('internal', 'a lease id is no key id of SSH')
  const terms = { principal: user, force_command: command, source_address: listOf(target, 'source_address').join(',') }
  const revoker = makeOwn({ standing, grant: { key: '', reach: [], terms } }, `revoker of ${leaseId}`, io)
  const { status, said } = await withSsh(io, sshServerOf(target), async (ssh) => {
    const login = await beginLogin(ssh)
    if (await login.logIn(user, revoker)) return runCommand(ssh, command, `id: ${leaseId}\n`)
    throw new StintError('upstream_failed', `the server does not let ${user} log in, who is to revoke`)
  })
  if (status === 0) return {}
  const operatorDetail = `exit status ${status ?? 'none'}: ${said}`
  throw new StintError('upstream_failed', 'the command that revokes did not end well', { operatorDetail })
}

/**
 * Asks the server whether it would take the certificate. It refuses only where it would take another one that is the same but for its key
 * and its key id. Where the certificate is lost another of its key id stands for it, which a revocation by key id refuses as well.
 */
async function probe(issued: Issued, io: Io): Promise<'live' | 'refused'> {
  const {
    target,
    leaseId,
    material,
    grant: { terms },
  } = issued
  const own = (material && readMaterial(material).certificate) ?? makeOwn(issued, leaseId, io).certificate
  const control = makeOwn(issued, `control of ${leaseId}`, io).certificate
  const user = String(terms.principal)
  return withSsh(io, sshServerOf(target), async (ssh) => {
    const login = await beginLogin(ssh)
    if (await login.wouldTake(user, own)) return 'live'
    if (await login.wouldTake(user, control)) return 'refused'
    throw new StintError(
      'upstream_failed',
      `the server takes no certificate of this CA for ${user}, which says nothing about one of them`,
    )
  })
}

function sshServerOf(target: Target): SshServer {
  const { host, port } = serverOf(target)
  return { host, port, hostKeys: listOf(target, 'host_keys').map(blobOf) }
}

const target: Target = {
  id: 'web',
  connector: 'ssh',
  hosts: [{ scheme: 'ssh', host: 'web.example.com', port: 22 }],
  environment: 'production',
  sensitivity: 'internal',
  labels: [],
  privateNetworks: [],
  credentialId: 'ssh-ca',
  placement: { kind: 'none' },
  settings: {
    principals: ['deploy'],
    host_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA1vVFWb2wWgYOKTbKnPCVi+L4SH7fbbX0rnJN7DLtHp'],
  },
}

/** OpenSSH servers, by user certificates of a CA that is Stint’s. */
export const ssh: Connector = {
  ...sessionOnly,
  kind: 'ssh',
  summary:
    'OpenSSH servers: a user certificate for each task, for one login name, revoked by the server’s RevokedKeys. The credential is the private key of the CA that the server’s TrustedUserCAKeys names.',
  schemes: ['ssh'],
  placeholderVariables: [],
  describeSession({ stage, user }, declared): Action {
    if (stage === 'connect') {
      const [rule] = declared.hosts
      const resource = rule === undefined ? '' : `${rule.host}:${rule.port}`
      return { id: 'ssh:Connection::open', access: 'read', resource, parameters: {} }
    }
    if (stage === undefined) throw unknown('a session of SSH is connected to, offered a certificate, or signed for')
    checkPrincipal(user, declared)
    const parameters = { force_command: settingOf(declared, 'force_command') }
    if (stage === 'offer') return { id: 'ssh:Certificate::offer', access: 'read', resource: user, parameters }
    return { id: 'ssh:Session::open', access: 'write', resource: user, parameters }
  },
  minting,
  example: {
    target,
    known: [],
    unknown: [{ method: 'GET', path: '/' }],
    sessions: [
      {
        opening: { user: '', database: '', stage: 'connect' },
        action: { id: 'ssh:Connection::open', access: 'read', resource: 'web.example.com:22' },
      },
      {
        opening: { user: 'deploy', database: '', stage: 'offer' },
        action: { id: 'ssh:Certificate::offer', access: 'read', resource: 'deploy' },
      },
      {
        opening: { user: 'deploy', database: '', stage: 'sign' },
        action: { id: 'ssh:Session::open', access: 'write', resource: 'deploy' },
      },
      { opening: { user: 'root', database: '', stage: 'offer' } },
      { opening: { user: 'root', database: '', stage: 'sign' } },
      { opening: { user: 'deploy', database: '' } },
    ],
  },
}

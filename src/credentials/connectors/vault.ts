import { StintError } from '../../errors.ts'
import type { Target } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { Connector } from '../connector.ts'
import type { Grant, Handle, HttpAnswer, Io, Issued, Minting, MintOrder, Stray } from '../minting.ts'
import { handOutForDocker } from '../protocols/hand-out-repository.ts'
import { ADDRESS, checkAddress, placeAt } from '../protocols/own-address.ts'
import { failure, readObject, refusal } from '../protocols/provider-answer.ts'
import { describeTokens, isPlain, LEASE_NAME, listTokens, memberOf, saysGone } from '../protocols/vault-tokens.ts'
import { describeHttp, http } from './http.ts'

const VAULT = 'Vault'
/** More tokens than this are not looked through for a lease’s. */
const MAX_ACCESSORS = 5000
function grant({ target, action }: Parameters<Minting['grant']>[0]): Grant {
  const path = (action.access === 'read' ? text(target, 'read_path') : '') || text(target, 'path')
  return { key: path, reach: [`what Vault gives at ${path}`], terms: { path } }
}

/**
 * A token of the lease’s own reads the path: what it is given is its child, so that who finds the token can take back all of it. Both
 * end with the lease.
 */
async function mint(order: MintOrder, _: unknown, io: Io) {
  const { leaseId, target, grant, expiresAt } = order
  const ttl = `${Math.max(1, Math.floor((expiresAt - io.now()) / 1000))}s`
  const made = await ask(order, io, 'auth/token/create', {
    ...{ policies: target.settings?.policies, no_default_policy: true, type: 'service', renewable: false },
    ...{ ttl, explicit_max_ttl: ttl, display_name: leaseId, meta: { [LEASE_NAME]: leaseId } },
  })
  if (made.status !== 200) throw refusal(made, VAULT)
  const { client_token, accessor } = memberOf(readObject(made, VAULT), 'auth')
  if (!isPlain(client_token) || !isPlain(accessor)) throw unusable()
  try {
    return await read(order, new Secret(client_token), { accessor }, String(grant.terms.path), io)
  } catch (thrown) {
    /** What is refused for good leaves nothing behind. */
    if (thrown instanceof StintError && thrown.code === 'mint_refused') await end(order, accessor, io)
    throw thrown
  }
}

async function read(order: MintOrder, token: Secret, handle: Handle, path: string, io: Io) {
  const { target, expiresAt } = order
  const answer = await ask({ target, standing: token }, io, path)
  if (answer.status !== 200) throw refusal(answer, VAULT)
  const { lease_id, lease_duration, data } = readObject(answer, VAULT)
  if (lease_id === '')
    throw new StintError('mint_refused', 'the path gives a secret without a lease, such as of KV, which nobody can take back')
  const fields = memberOf({ data }, 'data')
  const [value, username = ''] = ['field', 'username_field'].map((name) => fields[text(target, name)])
  if (!isPlain(lease_id) || !isPlain(value) || !(username === '' || isPlain(username))) throw unusable()
  const end = Math.min(expiresAt, io.now() + Number(lease_duration) * 1000)
  if (!(end > io.now())) throw unusable()
  return { material: new Secret(JSON.stringify({ value, username })), handle: { ...handle, lease_id }, expiresAt: end }
}

async function revoke(issued: Issued, io: Io): Promise<Record<string, never>> {
  const { lease_id, accessor } = issued.handle
  if (lease_id !== undefined) {
    const answer = await ask(issued, io, 'sys/leases/revoke', { lease_id, sync: true })
    if (!isDone(answer) && !saysGone(answer)) throw failure(answer, VAULT)
  }
  const accessors = accessor === undefined ? (await named(issued, issued.leaseId, io)).map((one) => one.accessor) : [accessor]
  for (const one of accessors) await end(issued, one, io)
  return {}
}

/** Ends a lease’s token, and with it everything it was given. */
async function end(owner: Owner, accessor: string, io: Io): Promise<void> {
  const answer = await ask(owner, io, 'auth/token/revoke-accessor', { accessor })
  if (!isDone(answer) && !saysGone(answer)) throw failure(answer, VAULT)
}

async function probe(issued: Issued, io: Io): Promise<'live' | 'refused'> {
  const { lease_id } = issued.handle
  if (lease_id === undefined) {
    const found = await named(issued, issued.leaseId, io)
    return found.some(({ leaseId }) => leaseId === issued.leaseId) ? 'live' : 'refused'
  }
  const answer = await ask(issued, io, 'sys/leases/lookup', { lease_id })
  if (saysGone(answer)) return 'refused'
  if (answer.status === 200 && memberOf(readObject(answer, VAULT), 'data').id === lease_id) return 'live'
  throw failure(answer, VAULT)
}

async function strays(
  { installation, ...owner }: Parameters<NonNullable<Minting['strays']>>[0],
  io: Io,
): Promise<readonly Stray[]> {
  const found = await named(owner, `lease_${installation}`, io)
  return found.map(({ leaseId, accessor }) => ({ leaseId, handle: { accessor } }))
}

/** The tokens whose metadata names a lease that begins so. Attacker-controlled: who may make tokens may name them. */
async function named(owner: Owner, start: string, io: Io): Promise<readonly { leaseId: string; accessor: string }[]> {
  const found = await listTokens((path, body) => ask(owner, io, path, body), MAX_ACCESSORS)
  return found.flatMap(({ accessor, token }) => {
    const leaseId = memberOf(token, 'meta')[LEASE_NAME]
    const isOurs = typeof leaseId === 'string' && /^lease_[a-z2-7]+$/.test(leaseId) && leaseId.startsWith(start)
    return isOurs ? [{ leaseId, accessor }] : []
  })
}

/** 204, or 200 with warnings. */
function isDone(answer: HttpAnswer): boolean {
  return answer.status === 204 || (answer.status === 200 && Object.hasOwn(readObject(answer, VAULT), 'warnings'))
}

type Owner = Pick<MintOrder, 'target' | 'standing'>

async function ask({ target, standing }: Owner, io: Io, path: string, body?: object): Promise<HttpAnswer> {
  if (standing === undefined) throw new StintError('credential_missing', 'the target names no credential')
  const namespace = text(target, 'namespace')
  return io.exchange({
    ...{ method: body === undefined ? 'GET' : 'POST', url: `${text(target, 'address')}/v1/${path}` },
    headers: {
      'x-vault-token': standing.reveal(),
      'x-vault-request': 'true',
      'content-type': 'application/json',
      ...(namespace !== '' && { 'x-vault-namespace': namespace }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

function unusable(): StintError {
  return new StintError('upstream_failed', 'Vault answered with something that is not what the target’s settings name')
}

function text({ settings }: Target, name: string): string {
  return String(settings?.[name] ?? '')
}

const PATH = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+$/
const FIELD = /^[a-z][a-z0-9_]{0,60}$/

const minting: Minting = {
  settings: {
    address: {
      summary: 'Where Vault or OpenBao is: https://vault.internal:8200.',
      required: true,
      isList: false,
      pattern: ADDRESS,
    },
    path: { summary: 'What is read for a lease: database/creds/orders.', required: true, isList: false, pattern: PATH },
    read_path: { summary: 'The same for what only reads, where that is another.', required: false, isList: false, pattern: PATH },
    policies: {
      summary: 'The policies of each lease’s token: they let it read these paths and nothing else.',
      required: true,
      isList: true,
      pattern: /^[a-z0-9_.-]{1,100}$/,
    },
    field: {
      summary: 'The member of the answer that is the secret: password, token.',
      required: true,
      isList: false,
      pattern: FIELD,
    },
    username_field: {
      summary: 'The member that is the username, where the secret is a password.',
      required: false,
      isList: false,
      pattern: FIELD,
    },
    namespace: {
      summary: 'The namespace of Vault or OpenBao.',
      required: false,
      isList: false,
      pattern: /^[A-Za-z0-9_/-]{1,200}$/,
    },
  },
  checkTarget: (target) => checkAddress(target, 'address'),
  places: (target) => [placeAt(text(target, 'address'))],
  /** It is told to wait until the engine has taken it back. */
  propagationMs: 1000,
  grant,
  handOut: {
    docker(wish) {
      if (text(wish.target, 'username_field') !== '') return handOutForDocker(wish, [text(wish.target, 'path')])
      throw new StintError(
        'unknown_action',
        'Docker takes a username and a password; the target’s settings name no username_field',
      )
    },
  },
  mint,
  place({ material }) {
    const { value, username } = JSON.parse(material.reveal()) as { value: string; username: string } // as mint wrote it
    if (username !== '') return [{ kind: 'basic', username, value: new Secret(value) }]
    return [{ kind: 'header', name: 'authorization', prefix: 'Bearer ', value: new Secret(value) }]
  },
  revoke,
  probe,
  strays,
  discover: (asked, io) => describeTokens((path, body) => ask(asked, io, path, body), io.now()),
}

/** Any HTTP API whose credentials a dynamic engine of Vault or OpenBao makes. */
export const vault: Connector = {
  ...{ kind: 'vault', defaultHosts: [], defaultPlacement: { kind: 'none' }, placeholderVariables: [] },
  summary:
    'Any HTTP API whose credentials a dynamic engine of HashiCorp Vault or OpenBao makes, by basic auth or as a bearer token; the credential is a Vault token that may make tokens with the policies of the setting, list and end tokens by accessor, and look up and revoke leases.',
  bodyPrefix: () => 0,
  describe: describeHttp,
  minting,
  example: {
    ...http.example,
    target: {
      ...http.example.target,
      connector: 'vault',
      credentialId: 'vault-token',
      placement: { kind: 'none' },
      settings: {
        address: 'https://vault.internal:8200',
        path: 'database/creds/orders',
        policies: ['orders'],
        field: 'password',
      },
    },
  },
}

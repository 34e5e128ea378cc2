import { randomBytes } from 'node:crypto'
import { StintError } from '../../errors.ts'
import type { Action, Target } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { Connector, SessionOpening } from '../connector.ts'
import type { Grant, Io, Issued, Minted, Minting, MintOrder, Prepared, Stray } from '../minting.ts'
import { serverOf, tlsSetting } from '../protocols/one-server.ts'
import { GRANT_PATTERN, reachOf, readGrant } from '../protocols/postgres-grants.ts'
import { inKeptSession } from '../protocols/postgres-kept.ts'
import {
  type AsOperator,
  describeRoles,
  dropRole,
  endSessionsOf,
  isRoleOpen,
  listRoles,
  makeRole,
  shutOutRole,
} from '../protocols/postgres-roles.ts'
import { openSession, PostgresError } from '../protocols/postgres-session.ts'
import { scramVerifier } from '../protocols/postgres-verifier.ts'
import { accessOf } from '../protocols/session-access.ts'
import { sessionOnly } from '../protocols/session-only.ts'
import { listOf, settingOf } from '../protocols/setting.ts'
import { shorten } from '../protocols/shorten.ts'

const LEASE_ID = /^lease_[a-z2-7]{6,57}$/
/** What PostgreSQL cannot spell differently: at most NAMEDATALEN - 1 bytes. */
const ROLE_NAME = /^[^\p{C}]{1,63}$/u
/** Classes of SQLSTATE that say no for good (appendix A): no such object, no privilege, a login refused. All of a mint is undone then. */
const REFUSES = /^(?:0L|0P|22|28|2F|3D|3F|42)/
/** Class 28: invalid authorization specification. */
const LOGIN_REFUSED = /^28/

const minting: Minting = {
  settings: {
    database: {
      summary: 'The database that its sessions are in.',
      required: true,
      isList: false,
      pattern: ROLE_NAME,
    },
    grants: {
      summary:
        'What sessions may reach: `read schema app`, `write table app.orders`, `write sequence app.orders_id_seq`. Names as they are, or in double quotes. A session that reads may read all of it.',
      required: true,
      isList: true,
      pattern: GRANT_PATTERN,
    },
    username: {
      summary: 'The role that the credential is the password of: it has CREATEROLE, and owns what it grants or may grant it on.',
      required: true,
      isList: false,
      pattern: ROLE_NAME,
    },
    owner: {
      summary:
        'Who is given what a task made; without it that is dropped. A role with no rights of its own: views and functions run with their owner’s.',
      required: false,
      isList: false,
      pattern: ROLE_NAME,
    },
    tls: tlsSetting,
  },
  checkTarget(target) {
    serverOf(target)
    for (const line of grantsOf(target)) readGrant(line)
    for (const name of ['database', 'username', 'owner'])
      if (Buffer.byteLength(settingOf(target, name)) > 63) throw invalid(`settings.${name}`, 'takes at most 63 bytes')
  },
  propagationMs: 0,
  grant,
  prepare({ leaseId }) {
    const material = new Secret(randomBytes(24).toString('base64url'))
    const derived = scramVerifier(material)
    derived.catch(() => undefined) // told to whoever mints
    return { material, handle: { role: roleOf(leaseId) }, derived }
  },
  mint,
  place: ({ leaseId, material }) => [{ kind: 'login', username: leaseId, value: material }],
  async revoke(issued, io) {
    const asOperator = operatorOf(issued, io)
    if (await shutOutRole(asOperator, roleOf(issued.leaseId))) {
      await endSessionsOf(asOperator, issued.leaseId)
      await dropRole(asOperator, issued.leaseId, settingOf(issued.target, 'owner'))
    }
    return {}
  },
  probe,
  strays,
  discover: (asked, io) => describeRoles(operatorOf(asked, io)),
}

function describeSession({ user, database }: SessionOpening, target: Target): Action {
  const resource = settingOf(target, 'database')
  if (user !== 'read' && user !== 'write')
    throw new StintError('unknown_action', 'connect as the user `read`, or as `write` to change data as well')
  if (database !== '' && database !== resource) throw new StintError('unknown_action', `this target’s database is ${resource}`)
  if (user === 'write' && !grantsOf(target).some((line) => readGrant(line).access === 'write'))
    throw new StintError('unknown_action', 'this target is for reading only: connect as the user `read`')
  return { id: `postgres:Session::${user}`, access: user, resource, parameters: { grants: grantsOf(target) } }
}

function grant({ target, action }: Parameters<Minting['grant']>[0]): Grant {
  const [database, grants, access] = [settingOf(target, 'database'), grantsOf(target), accessOf('postgres', action)]
  const terms = { access, database, grants }
  return { key: JSON.stringify(terms), reach: reachOf(grants, access, database).map(shorten), terms }
}

async function mint(order: MintOrder, prepared: Prepared | undefined, io: Io): Promise<Minted> {
  if (prepared === undefined) throw new StintError('internal', 'a password was not chosen')
  const { database, grants = [] } = order.grant.terms
  const role = {
    name: roleOf(order.leaseId),
    verifier: await (prepared.derived ?? scramVerifier(prepared.material)),
    expiresAt: order.expiresAt,
    database: String(database),
    grants: [grants].flat(),
    access: order.grant.terms.access === 'write' ? 'write' : 'read',
  } as const
  try {
    await makeRole(operatorOf(order, io), role)
  } catch (thrown) {
    if (!(thrown instanceof PostgresError) || !REFUSES.test(thrown.sqlState)) throw thrown
    const more = { operatorDetail: thrown.operatorDetail ?? '' }
    throw new StintError('mint_refused', `PostgreSQL does not make this role (SQLSTATE ${thrown.sqlState})`, more)
  }
  return { ...prepared, expiresAt: order.expiresAt }
}

/**
 * Logs in as the task would. A refused login alone proves nothing, since a role may change its own password: it must be gone, or expired
 * or shut out.
 */
async function probe(issued: Issued, io: Io): Promise<'live' | 'refused'> {
  const { material, leaseId, grant, target } = issued
  if (material !== undefined) {
    const login = { username: leaseId, password: material, database: String(grant.terms.database) }
    try {
      const session = await openSession(io, serverOf(target), login)
      session.end()
      return 'live'
    } catch (thrown) {
      if (!(thrown instanceof PostgresError) || !LOGIN_REFUSED.test(thrown.sqlState)) throw thrown
    }
  }
  return (await isRoleOpen(operatorOf(issued, io), leaseId)) ? 'live' : 'refused'
}

async function strays(asked: Parameters<NonNullable<Minting['strays']>>[0], io: Io): Promise<readonly Stray[]> {
  const names = await listRoles(operatorOf(asked, io), `lease_${asked.installation}`)
  return names.filter((name) => LEASE_ID.test(name)).map((leaseId) => ({ leaseId, handle: { role: leaseId } }))
}

function operatorOf({ target, standing }: Pick<MintOrder, 'target' | 'standing'>, io: Io): AsOperator {
  if (standing === undefined)
    throw new StintError('credential_missing', 'PostgreSQL roles are made with the password of a role that may make them')
  const login = { username: settingOf(target, 'username'), password: standing, database: settingOf(target, 'database') }
  return {
    change: (work, database = login.database) => inKeptSession(io, serverOf(target), { ...login, database }, 'change', work),
    ask: (sql, values) => inKeptSession(io, serverOf(target), login, 'ask', (session) => session.ask(sql, values)),
  }
}

function roleOf(leaseId: string): string {
  if (LEASE_ID.test(leaseId)) return leaseId
  throw new StintError('internal', 'a lease has a name that is no name of a role')
}

function grantsOf(target: Target): readonly string[] {
  return listOf(target, 'grants')
}

function invalid(name: string, takes: string): StintError {
  return new StintError('invalid_argument', `${name} ${takes}`)
}

const target: Target = {
  id: 'shop',
  connector: 'postgres',
  hosts: [{ scheme: 'postgres', host: 'db.example.com', port: 5432 }],
  environment: 'production',
  sensitivity: 'confidential',
  labels: [],
  privateNetworks: [],
  credentialId: 'shop-roles',
  placement: { kind: 'none' },
  settings: { database: 'shop', username: 'stint', grants: ['read schema app', 'write table app.orders'] },
}
/** PostgreSQL 12 and later: a role for each task, with a password of its own and an end. */
export const postgres: Connector = {
  ...sessionOnly,
  kind: 'postgres',
  summary:
    'PostgreSQL: a login role for each task, gone with it. Programs connect as `read` or `write`. The credential is the password of `username`.',
  schemes: ['postgres'],
  placeholderVariables: [],
  describeSession,
  minting,
  example: {
    target,
    known: [],
    unknown: [{ method: 'GET', path: '/' }],
    sessions: [
      {
        opening: { user: 'read', database: 'shop' },
        action: { id: 'postgres:Session::read', access: 'read', resource: 'shop' },
      },
      { opening: { user: 'write', database: '' }, action: { id: 'postgres:Session::write', access: 'write', resource: 'shop' } },
      { opening: { user: 'postgres', database: 'shop' } },
      { opening: { user: '', database: 'shop' } },
      { opening: { user: 'read', database: 'postgres' } },
      { opening: { user: 'constructor', database: 'shop' } },
    ],
  },
}

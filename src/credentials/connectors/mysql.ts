import { randomBytes } from 'node:crypto'
import { StintError } from '../../errors.ts'
import type { Target } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { Connector } from '../connector.ts'
import type { Grant, Io, Issued, Minting, MintOrder, Prepared, Stray } from '../minting.ts'
import { type Login, MysqlRefusal, type Query, withMysql } from '../protocols/mysql-session.ts'
import { closeSessions } from '../protocols/mysql-sessions.ts'
import { describeUsers } from '../protocols/mysql-users.ts'
import { serverOf, tlsSetting } from '../protocols/one-server.ts'
import { accessOf, accessSetting, type SessionAccess, sessionAccess } from '../protocols/session-access.ts'
import { sessionOnly } from '../protocols/session-only.ts'
import { shorten } from '../protocols/shorten.ts'

/** No longer than a user name of MySQL: 32 characters. */
const LEASE_ID = /^lease_[a-z2-7]{6,26}$/
/** Who may read or change these may change who may do what. */
const SYSTEM = ['mysql', 'sys', 'information_schema', 'performance_schema']
const READING = ['SELECT', 'SHOW VIEW']
const WRITING = ['SELECT', 'INSERT', 'UPDATE', 'DELETE']

/** Server error numbers (MySQL and MariaDB error reference). */
const ACCESS_DENIED = 1045
/** What stays refused however often it is asked: rights that the standing user lacks, a password policy, a statement it does not know. */
const FOR_GOOD = [1044, ACCESS_DENIED, 1064, 1142, 1227, 1410, 1819]

const minting: Minting = {
  settings: {
    databases: {
      summary: 'The databases that sessions may use, each session one of them.',
      required: true,
      isList: true,
      pattern: /^[^\p{C}]{0,63}[^\p{C}\s]$/u,
    },
    privileges: {
      summary:
        'What write sessions are granted, instead of SELECT, INSERT, UPDATE and DELETE; read sessions never more than SELECT.',
      required: false,
      isList: true,
      pattern:
        /^(?:SELECT|INSERT|UPDATE|DELETE|EXECUTE|SHOW VIEW|CREATE TEMPORARY TABLES|LOCK TABLES|CREATE|ALTER|INDEX|DROP|REFERENCES)$/,
    },
    access: accessSetting,
    username: {
      summary:
        'The user that the credential is the password of: it may CREATE USER, PROCESS, CONNECTION ADMIN and grant what is granted.',
      required: true,
      isList: false,
      pattern: /^[!-~]{1,32}$/,
    },
    tls: tlsSetting,
  },
  checkTarget,
  propagationMs: 0,
  grant,
  /** The ending is for servers with a password policy. */
  prepare: () => ({ material: new Secret(`${randomBytes(24).toString('base64url')}-Aa1`), handle: {} }),
  mint,
  place: ({ leaseId, material }) => [{ kind: 'login', username: leaseId, value: material }],
  revoke,
  probe: (issued, io) => (issued.material === undefined ? lookUp(issued, io) : logIn(issued, issued.material, io)),
  strays,
  discover: (asked, io) => asStanding(asked, io, describeUsers),
}

function checkTarget(target: Target): void {
  serverOf(target)
  const wrong = [target.settings?.databases ?? []].flat().find((name) => SYSTEM.includes(name.toLowerCase()))
  if (wrong !== undefined)
    throw new StintError('invalid_argument', `settings.databases takes no ${wrong}: it holds who may do what`)
}

function grant({ target, action }: Parameters<Minting['grant']>[0]): Grant {
  const access = accessOf('mysql', action)
  const database = String(action.parameters.database)
  const privileges = privilegesFor(access, target)
  const reach = `${privileges.join(', ')} on the database ${database} of ${target.id}`
  return { key: `${database} ${privileges}`, reach: [shorten(reach)], terms: { database, privileges } }
}

function privilegesFor(access: SessionAccess, { settings = {} }: Target): readonly string[] {
  const most = [settings.privileges ?? WRITING].flat()
  return access === 'write' ? most : most.filter((one) => READING.includes(one))
}

/** Where the user exists already, it is the one that this order made before a crash. */
async function mint(order: MintOrder, prepared: Prepared | undefined, io: Io): Promise<Prepared> {
  if (prepared === undefined) throw new StintError('internal', 'a password was not chosen')
  const password = prepared.material.reveal()
  const { terms } = order.grant
  const privileges = [terms.privileges ?? []].flat()
  const work = async (query: Query): Promise<void> => {
    const user = userOf(order)
    try {
      await query("CREATE USER IF NOT EXISTS ?@'%' IDENTIFIED BY ?", user, password)
      await query("ALTER USER ?@'%' IDENTIFIED BY ?", user, password)
      if (privileges.length > 0)
        await query(`GRANT ${privileges.join(', ')} ON ${await everyTableOf(String(terms.database))} TO ?@'%'`, user)
    } catch (thrown) {
      if (thrown instanceof MysqlRefusal) await query("DROP USER IF EXISTS ?@'%'", user) // a refusal leaves nothing
      throw thrown
    }
  }
  await asStanding(order, io, work, { refused: 'mint_refused', secrets: [password] })
  return prepared
}

/** `_` and `%` stand for others in the database of a GRANT (MySQL reference, "GRANT Statement"). */
async function everyTableOf(database: string): Promise<string> {
  const { escapeId } = await import('mysql2')
  return `${escapeId(database.replaceAll(/[\\_%]/g, '\\$&'), true)}.*`
}

function userOf({ leaseId }: Pick<MintOrder, 'leaseId'>): string {
  if (!LEASE_ID.test(leaseId)) throw new StintError('internal', 'a lease id is no user name of MySQL')
  return leaseId
}

/** First the user, so that nobody logs in any more, then its sessions. */
async function revoke(issued: Issued, io: Io): Promise<Record<string, never>> {
  await asStanding(issued, io, async (query) => {
    await query("DROP USER IF EXISTS ?@'%'", userOf(issued))
    await closeSessions(issued.leaseId, query)
  })
  return {}
}

async function logIn({ target, leaseId }: Issued, material: Secret, io: Io): Promise<'live' | 'refused'> {
  const login: Login = { user: leaseId, password: material.reveal() }
  try {
    return await withMysql(io, serverOf(target), login, async () => 'live' as const)
  } catch (thrown) {
    if (!(thrown instanceof MysqlRefusal)) throw thrown
    if (thrown.number === ACCESS_DENIED) return 'refused'
    throw failed('the server did not say whether the user may log in', thrown)
  }
}

function lookUp(issued: Issued, io: Io): Promise<'live' | 'refused'> {
  return asStanding(issued, io, async (query) => {
    const [[count] = []] = await query('SELECT COUNT(*) FROM mysql.user WHERE user = ?', issued.leaseId)
    if (count === 0) return 'refused'
    if (typeof count === 'number') return 'live'
    throw new StintError('upstream_failed', 'the server did not say whether there is such a user')
  })
}

function strays(asked: Parameters<NonNullable<Minting['strays']>>[0], io: Io): Promise<readonly Stray[]> {
  return asStanding(asked, io, async (query) => {
    const prefix = `lease_${asked.installation}`
    const rows = await query(`SELECT user FROM mysql.user WHERE LEFT(user, ${prefix.length}) = ?`, prefix)
    return rows.flatMap(([name]) => (typeof name === 'string' && LEASE_ID.test(name) ? [{ leaseId: name, handle: {} }] : []))
  })
}

/** With the standing credential; `refused` is what a refusal for good means. */
async function asStanding<T>(
  { target, standing }: Pick<MintOrder, 'target' | 'standing'>,
  io: Io,
  work: (query: Query) => Promise<T>,
  {
    refused = 'upstream_failed',
    secrets = [],
  }: { refused?: 'mint_refused' | 'upstream_failed'; secrets?: readonly string[] } = {},
): Promise<T> {
  if (standing === undefined) throw new StintError('credential_missing', 'users are made with the password of one that may do so')
  const login: Login = { user: String(target.settings?.username), password: standing.reveal(), secrets }
  try {
    return await withMysql(io, serverOf(target), login, work)
  } catch (thrown) {
    if (!(thrown instanceof MysqlRefusal)) throw thrown
    if (!FOR_GOOD.includes(thrown.number)) throw failed('the server cannot do it at the moment', thrown)
    throw new StintError(refused, 'the server refuses it to the user that makes users', { operatorDetail: thrown.words })
  }
}

function failed(detail: string, { words }: MysqlRefusal): StintError {
  return new StintError('upstream_failed', detail, { operatorDetail: words })
}

/** The one that the client names; where it names none, the only one there is. */
function databaseOf(named: string, { settings = {} }: Target): string {
  const databases = [settings.databases ?? []].flat()
  const found = named === '' && databases.length === 1 ? databases[0] : databases.find((one) => one === named)
  if (found === undefined)
    throw new StintError('unknown_action', 'the session names none of the databases that the target declares')
  return found
}

const reading = { id: 'mysql:Session::read', access: 'read', resource: 'shop' } as const

/** MySQL 8 and MariaDB: a user for each task, for one database. */
export const mysql: Connector = {
  ...sessionOnly,
  kind: 'mysql',
  summary:
    'MySQL and MariaDB: a user for each task, for one database. The credential is the password of a user that may make users.',
  schemes: ['mysql'],
  placeholderVariables: [],
  describeSession({ user, database: named }, target) {
    const access = sessionAccess(user, target.settings)
    const database = databaseOf(named, target)
    return { id: `mysql:Session::${access}`, access, resource: database, parameters: { database } }
  },
  minting,
  example: {
    target: {
      id: 'shop',
      connector: 'mysql',
      hosts: [{ scheme: 'mysql', host: 'mysql.example.com', port: 3306 }],
      environment: 'production',
      sensitivity: 'confidential',
      labels: [],
      privateNetworks: [],
      credentialId: 'shop-operator',
      placement: { kind: 'none' },
      settings: { databases: ['shop'], access: 'write', username: 'stint' },
    },
    known: [],
    unknown: [{ method: 'GET', path: '/' }],
    sessions: [
      { opening: { user: 'ann', database: 'shop' }, action: { id: 'mysql:Session::write', access: 'write', resource: 'shop' } },
      { opening: { user: 'read', database: 'shop' }, action: reading },
      { opening: { user: 'read', database: '' }, action: reading },
      { opening: { user: 'read', database: 'Shop' } },
      { opening: { user: 'read', database: 'mysql' } },
    ],
  },
}

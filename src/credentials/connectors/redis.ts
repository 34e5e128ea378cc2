import { createHash, randomBytes } from 'node:crypto'
import { StintError } from '../../errors.ts'
import type { Target } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { Connector } from '../connector.ts'
import type { Grant, Identity, Io, Issued, Minting, MintOrder, Prepared, Stray } from '../minting.ts'
import { serverOf, tlsSetting } from '../protocols/one-server.ts'
import { type Ask, type Login, notAnswered, withRedis } from '../protocols/redis-session.ts'
import { accessOf, accessSetting, type SessionAccess, sessionAccess } from '../protocols/session-access.ts'
import { sessionOnly } from '../protocols/session-only.ts'
import { shorten } from '../protocols/shorten.ts'

/** Rules that let a user change others. */
const ADMIN = new Set(['+@all', '+@admin', '+@dangerous', '+acl'])
const LEASE_ID = /^lease_[a-z2-7]{6,58}$/
/** What clients ask before they do anything: it shows and changes nothing but their own connection. */
const GREETINGS = ['+ping', '+echo', '+command', '+client|setname', '+client|getname', '+client|id']
const TRANSACTIONS = ['+multi', '+exec', '+discard', '+watch', '+unwatch']
/** They answer names of keys, whatever key patterns say. */
const LISTINGS = ['-scan', '-randomkey', '-dbsize', '-keys']
const EVERY_KEY = '*'

/** ACL rules in the order in which Redis applies them (redis.io "ACL", rules). What is not named is not allowed. */
function rulesFor(access: SessionAccess, settings: NonNullable<Target['settings']>): readonly string[] {
  const keys = [settings.keys ?? []].flat()
  const named = [settings.commands ?? []].flat().map((name) => `+${name}`)
  const categories = access === 'read' ? ['+@read'] : ['+@read', '+@write']
  const listings = keys.includes(EVERY_KEY) ? [] : LISTINGS
  return [
    ...GREETINGS,
    ...TRANSACTIONS,
    ...(named.length > 0 ? named : [...categories, '-@dangerous', ...listings]),
    ...(access === 'read' ? ['-@write'] : []),
    '-@admin',
    ...keys.map((pattern) => (access === 'read' ? `%R~${pattern}` : `~${pattern}`)),
  ]
}

const minting: Minting = {
  settings: {
    keys: {
      summary: 'Patterns of the keys that sessions may touch, as in `cache:*`; `*` alone is every key.',
      required: true,
      isList: true,
      pattern: /^[!-~]{1,200}$/,
    },
    commands: {
      summary:
        'The only commands that sessions may use. Without it: every command that reads or writes keys and endangers no others.',
      required: false,
      isList: true,
      pattern: /^[a-z][a-z0-9._-]{0,40}(?:\|[a-z][a-z0-9-]{0,40})?$/,
    },
    access: accessSetting,
    username: {
      summary: 'The ACL user that the credential is the password of, allowed `+acl`; `default` when it is absent.',
      required: false,
      isList: false,
      pattern: /^[!-~]{1,100}$/,
    },
    tls: tlsSetting,
  },
  checkTarget: (target) => void serverOf(target),
  propagationMs: 0,
  grant,
  prepare: () => ({ material: new Secret(randomBytes(24).toString('base64url')), handle: {} }),
  mint,
  place: ({ leaseId, material }) => [{ kind: 'login', username: leaseId, value: material }],
  revoke,
  probe: (issued, io) => (issued.material === undefined ? lookUp(issued, io) : logIn(issued, issued.material, io)),
  strays,
  discover,
}

function grant({ target, action }: Parameters<Minting['grant']>[0]): Grant {
  const access = accessOf('redis', action)
  const { settings = {} } = target
  const rules = rulesFor(access, settings)
  const keys = [settings.keys ?? []].flat().join(', ')
  const reach = `${access === 'read' ? 'Reads' : 'Reads and writes'} the keys ${keys} of ${target.id}`
  return { key: `${access} ${rules.join(' ')}`, reach: [shorten(reach)], terms: { rules } }
}

/** `reset` first, so that once more makes the same user. The password goes as its SHA-256, which is all Redis keeps of it. */
async function mint(order: MintOrder, prepared: Prepared | undefined, io: Io) {
  if (prepared === undefined) throw new StintError('internal', 'a password was not chosen')
  const hash = createHash('sha256').update(prepared.material.reveal()).digest('hex')
  const rules = [order.grant.terms.rules ?? []].flat()
  await asStanding(order, io, 'mint_refused', async (ask) => {
    const made = await ask('ACL', 'SETUSER', order.leaseId, 'reset', 'on', `#${hash}`, ...rules)
    if (made.kind === 'simple' && made.text === 'OK') return
    if (made.kind === 'error' && (made.code === 'ERR' || made.code === 'NOPERM'))
      throw new StintError('mint_refused', 'Redis does not make this user', { operatorDetail: `Redis: ${made.text}` })
    throw notAnswered('Redis did not say that it made the user', made)
  })
  return prepared
}

/** Deleting a user also closes every connection that it authenticated. */
async function revoke(issued: Issued, io: Io): Promise<Record<string, never>> {
  await asStanding(issued, io, 'upstream_failed', async (ask) => {
    const gone = await ask('ACL', 'DELUSER', issued.leaseId)
    if (gone.kind !== 'integer') throw notAnswered('Redis did not say that it deleted the user', gone)
  })
  return {}
}

function logIn({ target, leaseId }: Issued, material: Secret, io: Io): Promise<'live' | 'refused'> {
  const login: Login = { username: leaseId, password: material.reveal() }
  return withRedis(io, serverOf(target), login, async (ask) => {
    const reply = await ask('AUTH', login.username, login.password)
    if (reply.kind === 'simple' && reply.text === 'OK') return 'live'
    if (reply.kind === 'error' && reply.code === 'WRONGPASS') return 'refused'
    throw notAnswered('Redis did not say whether the user may log in', reply)
  })
}

function lookUp(issued: Issued, io: Io): Promise<'live' | 'refused'> {
  return asStanding(issued, io, 'upstream_failed', async (ask) => {
    const user = await ask('ACL', 'GETUSER', issued.leaseId)
    if (user.kind === 'array') return 'live'
    if (user.kind === 'null') return 'refused'
    throw notAnswered('Redis did not say whether there is such a user', user)
  })
}

function strays(asked: Parameters<NonNullable<Minting['strays']>>[0], io: Io): Promise<readonly Stray[]> {
  return asStanding(asked, io, 'upstream_failed', async (ask) => {
    const users = await ask('ACL', 'USERS')
    if (users.kind !== 'array') throw notAnswered('Redis did not list its users', users)
    const names = users.items.map((item) => (item.kind === 'bulk' ? item.bytes.toString() : ''))
    return names
      .filter((name) => LEASE_ID.test(name) && name.startsWith(`lease_${asked.installation}`))
      .map((leaseId) => ({ leaseId, handle: {} }))
  })
}

/** Each line is a user, whether it is on, and its rules (redis.io, "ACL LIST"). */
function discover(asked: Parameters<NonNullable<Minting['discover']>>[0], io: Io): Promise<readonly Identity[]> {
  return asStanding(asked, io, 'upstream_failed', async (ask) => {
    const users = await ask('ACL', 'LIST')
    if (users.kind !== 'array') throw notAnswered('Redis did not list its users', users)
    return users.items.flatMap((item): Identity[] => {
      const [word, id = '', state, ...rules] = item.kind === 'bulk' ? item.bytes.toString().split(' ') : []
      if (word !== 'user') return []
      const isAdmin = rules.some((rule) => ADMIN.has(rule.toLowerCase()))
      return [{ kind: 'account', id, access: isAdmin ? 'admin' : 'limited', isUsable: state === 'on' }]
    })
  })
}

/** With the standing credential; `refused` is what it means when Redis does not take that. */
async function asStanding<T>(
  { target, standing }: Pick<MintOrder, 'target' | 'standing'>,
  io: Io,
  refused: 'mint_refused' | 'upstream_failed',
  work: (ask: Ask) => Promise<T>,
): Promise<T> {
  if (standing === undefined) throw new StintError('credential_missing', 'Redis users are made with a credential that may do so')
  const login: Login = { username: String(target.settings?.username ?? 'default'), password: standing.reveal() }
  return withRedis(io, serverOf(target), login, async (ask) => {
    const reply = await ask('AUTH', login.username, login.password)
    if (reply.kind === 'simple' && reply.text === 'OK') return work(ask)
    if (reply.kind === 'error' && reply.code === 'WRONGPASS')
      throw new StintError(refused, 'Redis refuses the credential that users are made with')
    throw notAnswered('Redis did not log in the user that makes users', reply)
  })
}

const settings = { keys: ['cache:*'], access: 'write' } as const
const target: Target = {
  id: 'cache',
  connector: 'redis',
  hosts: [{ scheme: 'redis', host: 'cache.example.com', port: 6379 }],
  environment: 'production',
  sensitivity: 'internal',
  labels: [],
  privateNetworks: [],
  credentialId: 'cache-operator',
  placement: { kind: 'none' },
  settings,
}

/** Redis 7 and later, and others of its protocol and ACLs: a user for each task. */
export const redis: Connector = {
  ...sessionOnly,
  kind: 'redis',
  summary: 'Redis 7 and its like: an ACL user for each task. The credential is the password of a user that may make users.',
  schemes: ['redis'],
  placeholderVariables: [],
  describeSession({ user }, { id, settings: given }) {
    const access = sessionAccess(user, given)
    return { id: `redis:Session::${access}`, access, resource: id, parameters: { keys: [given?.keys ?? []].flat() } }
  },
  minting,
  example: {
    target,
    known: [],
    unknown: [{ method: 'GET', path: '/' }],
    sessions: [
      { opening: { user: '', database: '' }, action: { id: 'redis:Session::write', access: 'write', resource: 'cache' } },
      { opening: { user: 'read', database: '' }, action: { id: 'redis:Session::read', access: 'read', resource: 'cache' } },
    ],
  },
}

import { homedir } from 'node:os'
import { join } from 'node:path'
import { isApproverRule } from './approver.ts'
import { BUDGET_TAKES, isBudget, parseBudget } from './budget.ts'
import { StintError } from './errors.ts'
import type { Budget } from './model.ts'
import { Secret } from './secret.ts'

/** One setting: its default, one sentence, and how its text is read. `key` in config.yaml; `env` overrides it. */
interface Setting<T> {
  readonly env: string
  readonly default: T
  readonly about: string
  readonly read: (value: unknown, key: string) => T
}

function text(value: unknown, key: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new StintError('invalid_config', `${key} takes a non-empty text`)
}

function secret(value: unknown, key: string): Secret {
  return new Secret(text(value, key))
}

function whole(min: number, max: number) {
  return (value: unknown, key: string): number => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
    if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) return number
    throw new StintError('invalid_config', `${key} takes a whole number from ${min} to ${max}`)
  }
}

/** A map of lists of names; as text, the same in JSON. */
function namesByRole(value: unknown, key: string): Readonly<Record<string, readonly string[]>> {
  const map = typeof value === 'string' ? parseJson(value) : value
  const isRole = ([role, names]: [string, unknown]) =>
    isApproverRule(`role:${role}`) && Array.isArray(names) && names.every(isName)
  if (isMap(map) && Object.entries(map).every(isRole)) return map as Readonly<Record<string, readonly string[]>>
  throw new StintError('invalid_config', `${key} takes a list of names for each role: {security: [ann, bob]}`)
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

/** Undefined for what is not JSON. */
function parseJson(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}

function oneOf<const T extends string>(...choices: readonly T[]) {
  return (value: unknown, key: string): T => {
    const found = choices.find((choice) => choice === value)
    if (found !== undefined) return found
    throw new StintError('invalid_config', `${key} takes one of ${choices.join(', ')}`)
  }
}

/** What is looked for in what tasks do. */
export const DETECTIONS = [
  'rejected-proof',
  'denied-burst',
  'privilege-chain',
  'new-target',
  'use-after-end',
  'break-glass',
] as const
export type Detection = (typeof DETECTIONS)[number]
/** What happens when it is found; where nothing is said, it is reported. */
export type Detections = { readonly [D in Detection]?: { readonly action: 'report' | 'revoke' } }

/** A map as the file has it, or `kind=action,…`. */
function detections(value: unknown, key: string): Detections {
  const refused = new StintError(
    'invalid_config',
    `${key} takes an action, report or revoke, for any of ${DETECTIONS.join(', ')}`,
  )
  const pairs =
    typeof value === 'string' ? value.split(',').map((pair) => pair.split('=')) : isMap(value) && Object.entries(value)
  if (!pairs) throw refused
  const read = pairs.map(([kind, given, ...more]) => {
    const { action, ...others } = isMap(given) ? given : { action: given }
    if (more.length > 0 || Object.keys(others).length > 0) throw refused
    if (!DETECTIONS.some((one) => one === kind) || (action !== 'report' && action !== 'revoke')) throw refused
    return [kind, { action }] as const
  })
  return Object.fromEntries(read)
}

/** A map as the file has it, or `requests=100,writes=5`. */
function budget(value: unknown, key: string): Budget {
  const read = typeof value === 'string' ? parseBudget(value) : value
  if (isBudget(read)) return read
  throw new StintError('invalid_config', `${key} ${BUDGET_TAKES}`)
}

/** Where questions are posted to for one person, and who answers there. */
export interface ApprovalWebhook {
  readonly url: string
  /** A name of `approvers`, or the owner of tasks. */
  readonly person: string
  /** The credential that both ends sign with: `whsec_` and a key in base64 (Standard Webhooks 1.0). */
  readonly credential: string
  /** CIDRs it may live in although they are not public (G10); clear HTTP is for these alone. */
  readonly privateNetworks: readonly string[]
}
export type ApprovalWebhooks = Readonly<Record<string, ApprovalWebhook>>

const WEBHOOK = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const WEBHOOK_TAKES = '{oncall: {url: "https://…", person: bob, credential: oncall-webhook, privateNetworks: [10.0.0.0/8]}}'

/** A webhook by each name; as text, the same in JSON. */
function webhooks(value: unknown, key: string): ApprovalWebhooks {
  const map = typeof value === 'string' ? parseJson(value) : value
  if (!isMap(map)) throw new StintError('invalid_config', `${key} takes a webhook by each name: ${WEBHOOK_TAKES}`)
  return Object.fromEntries(Object.entries(map).map(([name, given]) => [name, webhook(name, given, key)]))
}

function webhook(name: string, given: unknown, key: string): ApprovalWebhook {
  const { url, person, credential, privateNetworks = [], ...others } = isMap(given) ? given : {}
  const [first] = Object.keys(others)
  if (first !== undefined) throw new StintError('invalid_config', `${key}: a webhook has no ${first}; it takes ${WEBHOOK_TAKES}`)
  if (!WEBHOOK.test(name) || !isName(person) || !isName(credential) || !isList(privateNetworks))
    throw new StintError('invalid_config', `${key} takes a webhook by each name: ${WEBHOOK_TAKES}`)
  const { protocol, username, password } = URL.parse(String(url)) ?? {}
  const isSafe = protocol === 'https:' || (protocol === 'http:' && privateNetworks.length > 0)
  if (!isSafe || username !== '' || password !== '')
    throw new StintError('invalid_config', `${key}: ${name} takes an https URL without a user; http in private networks alone`)
  return { url: String(url), person: String(person), credential: String(credential), privateNetworks }
}

/** After how many minutes without an answer the people of which role are asked too. */
export interface ApprovalEscalation {
  readonly minutes: number
  readonly role: string
}

/** As text, the same in JSON. */
function escalation(value: unknown, key: string): ApprovalEscalation {
  const read = typeof value === 'string' ? parseJson(value) : value
  const { minutes, role, ...others } = isMap(read) ? read : {}
  const isKnown = Object.keys(others).length === 0 && isName(role)
  if (isKnown && Number.isInteger(minutes) && Number(minutes) >= 1) return { minutes: Number(minutes), role: String(role) }
  throw new StintError('invalid_config', `${key} takes whole minutes and a role: {minutes: 5, role: oncall}`)
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isName)
}

function setting<T>(env: string, fallback: NoInfer<T>, about: string, read: Setting<T>['read']): Setting<T> {
  return { env, default: fallback, about, read }
}

/** Every setting there is. docs/reference/config.md is generated from it; an unknown key is an error at start. */
export const SETTINGS = {
  host: setting('STINT_HOST', '127.0.0.1', 'Address the API and the gateway listen on.', text),
  apiPort: setting('STINT_API_PORT', 7400, 'Port of the API; 0 picks a free one.', whole(0, 65535)),
  gatewayPort: setting('STINT_GATEWAY_PORT', 7401, 'Port of the gateway; 0 picks a free one.', whole(0, 65535)),
  issuer: setting('STINT_ISSUER', 'http://127.0.0.1:7400', 'The `iss` of task tokens; clients and policies pin it.', text),
  trustDomain: setting('STINT_TRUST_DOMAIN', 'stint.local', 'SPIFFE trust domain of the caller ids Stint makes.', text),
  defaultTtlSeconds: setting('STINT_DEFAULT_TTL', 900, 'Life of a task whose start names none.', whole(1, 31_536_000)),
  maxTtlSeconds: setting('STINT_MAX_TTL', 43_200, 'Longest life a task may ask for.', whole(1, 31_536_000)),
  taskBudget: setting<Budget>(
    'STINT_TASK_BUDGET',
    {},
    'Budget of a task whose start names none, `{requests: 1000, writes: 50}`, in the variable `requests=1000,writes=50`; unit by unit.',
    budget,
  ),
  maxTaskBudget: setting<Budget>('STINT_MAX_TASK_BUDGET', {}, 'Largest budget a task may ask for, written as that one.', budget),
  maxTaskDepth: setting(
    'STINT_MAX_TASK_DEPTH',
    4,
    'How many tasks may stand above one: 1 lets a task start children that start none, 0 forbids children.',
    whole(0, 8),
  ),
  taskTokenSeconds: setting(
    'STINT_TASK_TOKEN_TTL',
    300,
    'Life of one task token; the holder of its key renews it.',
    whole(10, 3600),
  ),
  clockSkewSeconds: setting('STINT_CLOCK_SKEW', 30, 'Clock difference tolerated in tokens and proofs.', whole(0, 300)),
  runnerGraceSeconds: setting(
    'STINT_RUNNER_GRACE',
    5,
    'How long a supervised task survives its runner’s silence.',
    whole(1, 300),
  ),
  drainSeconds: setting('STINT_DRAIN', 10, 'How long open exchanges may finish at shutdown.', whole(0, 600)),
  connectTimeoutSeconds: setting('STINT_CONNECT_TIMEOUT', 10, 'Limit for reaching a target, TLS included.', whole(1, 120)),
  headersTimeoutSeconds: setting('STINT_HEADERS_TIMEOUT', 300, 'Limit for a target’s first answer byte.', whole(1, 3600)),
  maxConnections: setting('STINT_MAX_CONNECTIONS', 10_000, 'Connections the gateway accepts at once.', whole(1, 1_000_000)),
  vaultKeySource: setting(
    'STINT_VAULT_KEY_SOURCE',
    'file',
    'Where the key is that seals the vault: `vault.key` in the data directory, what a command prints, or a KMS that it never leaves. After a change, `stint credential rotate-key` moves what was sealed before.',
    oneOf('file', 'command', 'transit'),
  ),
  vaultKeyCommand: setting(
    'STINT_VAULT_KEY_COMMAND',
    '',
    'Run by /bin/sh at start and by `rotate-key`; prints a key of 32 bytes in base64 or hex, and older ones below it.',
    text,
  ),
  vaultTransitKey: setting(
    'STINT_VAULT_TRANSIT_KEY',
    '',
    'URL of a key of the transit engine of OpenBao or Vault, such as `https://openbao.example.com/v1/transit/keys/stint`.',
    text,
  ),
  vaultTransitTokenFile: setting(
    'STINT_VAULT_TRANSIT_TOKEN_FILE',
    '',
    'File (0600) with the token to use that key with, read at each use, so that an agent may renew it.',
    text,
  ),
  vaultTransitCa: setting('STINT_VAULT_TRANSIT_CA', '', 'PEM file of roots to trust for it besides the system’s.', text),
  databaseUrl: setting<Secret | undefined>(
    'STINT_DATABASE_URL',
    undefined,
    'PostgreSQL that several Stint processes share their state in, `postgres://…`; in the data directory’s own file when absent.',
    secret,
  ),
  cutOffSeconds: setting(
    'STINT_CUT_OFF',
    2,
    'With a shared database: without hearing from it for so long the gateway refuses everything.',
    whole(1, 60),
  ),
  approvers: setting<Readonly<Record<string, readonly string[]>>>(
    'STINT_APPROVERS',
    {},
    'Who may consent for `@approval("role:NAME")`: names by role, `{security: [ann, bob]}`. The operator is the user who runs Stint; whoever signs in by an issuer is the id that its rule gives.',
    namesByRole,
  ),
  approvalSeconds: setting(
    'STINT_APPROVAL_TTL',
    900,
    'How long a person may take to answer, and their consent to be used.',
    whole(1, 86_400),
  ),
  approvalMostTimes: setting(
    'STINT_APPROVAL_TIMES',
    100,
    'How often one consent may let the same request through.',
    whole(1, 10_000),
  ),
  approvalMostMinutes: setting('STINT_APPROVAL_MINUTES', 60, 'For how long one consent may be given.', whole(1, 1440)),
  approvalWaitSeconds: setting(
    'STINT_APPROVAL_WAIT',
    60,
    'How long a request that says `Prefer: wait=N` is held for an answer at most; 0 holds none.',
    whole(0, 3600),
  ),
  approvalRetentionDays: setting(
    'STINT_APPROVAL_RETENTION',
    30,
    'For how many days a question is kept after it was over: answered, used or expired. Then the log alone has it.',
    whole(1, 3650),
  ),
  approvalBodyBytes: setting(
    'STINT_APPROVAL_BODY',
    536_870_912,
    'Longest body that a person can be asked to consent to, in bytes, and what those of one task may take at once of the disk: one of more than 1 MiB waits there, encrypted under a key that is in memory only.',
    whole(0, 17_179_869_184),
  ),
  approvalSpoolBytes: setting(
    'STINT_APPROVAL_SPOOL',
    2_147_483_648,
    'How many bytes of the disk such bodies may take at once, in all; 0 refuses what is longer than 1 MiB.',
    whole(0, 1_099_511_627_776),
  ),
  approvalEscalation: setting<ApprovalEscalation | undefined>(
    'STINT_APPROVAL_ESCALATION',
    undefined,
    'Whom to ask too where nobody has answered, and after how long: `{minutes: 5, role: oncall}`, a role of `approvers`. Its people may then answer for whoever was asked; never for a sealed credential.',
    escalation,
  ),
  approvalWebhooks: setting<ApprovalWebhooks>(
    'STINT_APPROVAL_WEBHOOKS',
    {},
    'Where questions are posted to, signed, and for whom: `{oncall: {url: "https://…", person: bob, credential: oncall-webhook}}`. Answers come back signed with the same credential: docs/approvals.md.',
    webhooks,
  ),
  detections: setting<Detections | undefined>(
    'STINT_DETECTIONS',
    undefined,
    'What to do about a finding, by its kind: `denied-burst: {action: revoke}`, in the variable `denied-burst=revoke,…`. `report`, unless said.',
    detections,
  ),
  logLevel: setting(
    'STINT_LOG_LEVEL',
    'info',
    'Least severe log line written to stderr.',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
  ),
} as const

type Settings = typeof SETTINGS
/** The settings as read, and the data directory they belong to. */
export type Config = { readonly [K in keyof Settings]: Settings[K] extends Setting<infer T> ? T : never } & {
  readonly home: string
}

/** The data directory: STINT_HOME, else the user's data directory (XDG base directory specification). */
export function homeDirectory(env: NodeJS.ProcessEnv): string {
  if (env.STINT_HOME) return env.STINT_HOME
  return join(env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'stint')
}

/**
 * Reads the settings: environment over file over default. Throws `invalid_config` naming the key for an unknown key in the
 * file, an unknown STINT_ variable, or a value the setting does not take.
 */
export function readConfig(env: NodeJS.ProcessEnv, file: unknown): Config {
  const given = file ?? {}
  if (typeof given !== 'object' || Array.isArray(given))
    throw new StintError('invalid_config', 'config.yaml must hold a map of settings')
  refuseUnknown(Object.keys(given), Object.keys(SETTINGS), 'config.yaml')
  refuseUnknown(
    Object.keys(env).filter((name) => name.startsWith('STINT_')),
    [...Object.values(SETTINGS).map((s) => s.env), ...OTHER_VARIABLES],
    'the environment',
  )
  const values: Record<string, unknown> = { home: homeDirectory(env) }
  for (const [key, one] of Object.entries(SETTINGS)) {
    const raw = env[one.env] ?? (given as Record<string, unknown>)[key]
    values[key] = raw === undefined ? one.default : one.read(raw, env[one.env] === undefined ? key : one.env)
  }
  const config = values as Config
  refuseIdleEscalation(config)
  return config
}

/** One that asks nobody, or only when nobody waits any more, is a mistake. */
function refuseIdleEscalation({ approvalEscalation: setting, approvers, approvalSeconds }: Config): void {
  if (setting === undefined) return
  const people = Object.hasOwn(approvers, setting.role) ? approvers[setting.role] : []
  if (people?.length === 0)
    throw new StintError('invalid_config', `approvalEscalation: approvers names nobody of ${setting.role}`)
  if (setting.minutes * 60 >= approvalSeconds)
    throw new StintError(
      'invalid_config',
      `approvalEscalation: a question has expired by then; approvalSeconds is ${approvalSeconds}`,
    )
}

/** STINT_ variables that are not settings: where the data is, and what `stint run` tells its child. */
const OTHER_VARIABLES = ['STINT_HOME', 'STINT_TASK', 'STINT_SANDBOX']

function refuseUnknown(found: readonly string[], known: readonly string[], where: string): void {
  const unknown = found.filter((name) => !known.includes(name))
  if (unknown.length === 0) return
  throw new StintError('invalid_config', `unknown in ${where}: ${unknown.join(', ')}; known are ${known.join(', ')}`)
}

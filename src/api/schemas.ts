import { z } from 'zod'
import type { EntryFilter } from '../audit/search.ts'
import { UNITS } from '../budget.ts'
import { DETECTIONS } from '../config.ts'
import type { BudgetUnit } from '../model.ts'
import { Secret } from '../secret.ts'

/** A line of words for people: no control characters, so that it cannot write into a terminal or a log. */
export const words = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u, 'takes printable characters on one line')

/** A name that stands in a path. */
export const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._~:@-]{0,127}$/, 'takes a name of letters, digits and . _ ~ : @ -')

export const millis = z.number().int().nonnegative().describe('Epoch milliseconds.')

/** A whole number that arrives as text, in a path or a query. */
export const wholeText = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/, 'takes a whole number')
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .meta({ type: 'integer', minimum: min, maximum: max })

export const byName = z.strictObject({ id: name })
export const byNumber = z.strictObject({ number: wholeText(0, Number.MAX_SAFE_INTEGER) })

const paging = {
  limit: wholeText(1, 500).default(50),
  cursor: z.string().min(1).max(500).exactOptional().describe('`next` of the page before.'),
}
export const pageQuery = z.strictObject(paging)

/** A page of `item`. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item).readonly(), next: z.string().exactOptional() })

export const done = z.object({ done: z.literal(true) })
export const DONE = { done: true } as const

/** A secret on its way in. It is a `Secret` from the moment it is parsed (G2). */
export const secretValue = z
  .string()
  .min(1)
  .max(65_536)
  .transform((value) => new Secret(value))
  .meta({ writeOnly: true })

const proofKind = z.enum(['sandbox', 'process-tree', 'run-secret', 'federated'])
const scopeNames = z.array(words(200)).min(1).max(200).readonly()
const labels = z.array(words(100)).max(50).readonly()

export const task = z
  .object({
    id: z.string(),
    purpose: z.string(),
    owner: z.string(),
    workload: z.string(),
    proof: proofKind,
    keyThumbprint: z.string(),
    scope: z.object({ targets: z.array(z.string()).readonly(), actions: z.array(z.string()).readonly() }),
    ticket: z.string().exactOptional(),
    labels: z.array(z.string()).readonly(),
    parentId: z.string().exactOptional(),
    startedAt: millis,
    expiresAt: millis,
    state: z.enum(['live', 'ended', 'expired', 'revoked']),
    endedAt: millis.exactOptional(),
    endReason: z.string().exactOptional(),
    supervised: z.boolean(),
  })
  .meta({ id: 'Task' })

const amount = z.number().int().min(0).max(999_999_999_999_999)
const units = {
  requests: amount.exactOptional().describe('Acts on targets that are let through.'),
  writes: amount.exactOptional().describe('Those of them that are more than reads.'),
  bytesOut: amount.exactOptional().describe('Bytes of bodies and streams towards targets.'),
  mintedCredentials: amount.exactOptional().describe('Credentials made for it.'),
  spend: amount.exactOptional().describe('What its acts cost where targets have prices, in the minor unit of a currency.'),
} satisfies Record<BudgetUnit, z.ZodType>
/** What a task may use. */
const budget = z.strictObject(units).meta({ id: 'Budget' })
export const raiseBudget = z
  .strictObject({ raise: budget.describe('By how much each is raised.'), reason: words(500).exactOptional() })
  .meta({ id: 'RaiseBudget' })

export const startTask = z
  .strictObject({
    purpose: words(500),
    owner: words(200)
      .exactOptional()
      .describe('The human who answers for it; the operator or the issuer rule decides when absent.'),
    targets: scopeNames,
    actions: scopeNames.describe('Cedar action ids; `*` or a trailing `*` matches more.'),
    ttlSeconds: z.number().int().min(1).max(31_536_000).exactOptional(),
    ticket: words(200).exactOptional(),
    labels: labels.exactOptional(),
    supervised: z.boolean().exactOptional().describe('A runner must stay connected to `presence`; its silence ends the task.'),
    proof: z.enum(['sandbox', 'process-tree', 'run-secret']).exactOptional(),
    budget: budget.exactOptional().describe('What is not named is bounded as the settings say, and by the tasks above it.'),
    keyThumbprint: z.string().regex(/^[\w-]{43}$/, 'takes an RFC 7638 SHA-256 thumbprint, base64url'),
  })
  .meta({ id: 'StartTask' })

export const startChild = startTask.omit({ owner: true, supervised: true, proof: true }).meta({ id: 'StartChild' })
const named = z.object({ id: z.string(), resource: z.string() })
const doneThing = {
  entry: z.number().int().describe('Where the log tells of it.'),
  at: z.string(),
  target: z.string(),
  did: named.describe('What was done, as policies name it.'),
}
export const undoPlan = z
  .object({
    taskId: z.string(),
    digest: z.string().describe('Names the steps: what `apply` is told to do.'),
    steps: z.array(z.object({ ...doneThing, undoes: named, isUndone: z.boolean() })).readonly(),
    others: z.array(z.object({ ...doneThing, why: z.string() })).readonly(),
  })
  .meta({ id: 'UndoPlan' })
export const undoing = z
  .object({
    taskId: z.string(),
    undoTaskId: z.string().exactOptional().describe('The task that it was done in; absent where nothing was left to do.'),
    done: z.array(z.number().int()).readonly().describe('Entries of the steps that were undone now, in this order.'),
    stopped: z.object({ entry: z.number().int(), why: z.string() }).exactOptional().describe('Nothing after it was tried.'),
    left: z.number().int().describe('Steps that are still to do.'),
  })
  .meta({ id: 'Undoing' })
export const shownTask = task
  .extend({
    ancestors: z.array(z.string()).readonly().describe('The tasks above it, nearest first.'),
    children: z.array(z.string()).readonly().describe('The tasks it started, newest first, 500 at most.'),
    budgets: z
      .array(
        z.object({
          unit: z.enum(UNITS),
          limit: amount,
          used: amount.describe('With what other gateways hold to use.'),
          isPaused: z.boolean().describe('A request needed more than was left: the task does nothing until it is raised.'),
        }),
      )
      .readonly()
      .describe('Its own; those of the tasks above bound it too.'),
  })
  .meta({ id: 'ShownTask' })

const tokenShape = { token: z.string(), tokenExpiresAt: millis }
export const taskToken = z.object(tokenShape).meta({ id: 'TaskToken' })
export const startedTask = z.object({ task, ...tokenShape, gateway: z.string() }).meta({ id: 'StartedTask' })

export const taskFilter = z.strictObject({
  ...paging,
  state: z.enum(['live', 'ended', 'expired', 'revoked']).exactOptional(),
  owner: words(200).exactOptional(),
  workload: words(2048).exactOptional(),
  parentId: words(200).exactOptional(),
})

export const taskRoot = z.strictObject({
  pid: z.number().int().min(1).max(4_194_304),
  startTime: wholeText(0, Number.MAX_SAFE_INTEGER),
})

const port = z.number().int().min(1).max(65_535)
const host = z
  .string()
  .max(253)
  .regex(/^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$|^\[[0-9A-Fa-f:.]+\]$/, 'takes a host name or `*.suffix`')
const placement = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('header'), name: words(100), prefix: z.string().max(100) }),
  z.strictObject({ kind: z.literal('basic'), username: z.string().max(200) }),
  z.strictObject({ kind: z.literal('query'), name: words(100) }),
  z.strictObject({ kind: z.literal('placeholder'), placeholder: words(200), body: z.boolean() }),
  z.strictObject({ kind: z.literal('env'), name: words(100) }),
])

const hostRule = z.strictObject({ scheme: z.enum(['http', 'https', 'postgres', 'mysql', 'redis', 'ssh']), host, port })
const setting = z.union([z.string().max(4096), z.array(z.string().max(4096)).max(1000).readonly()])
const environment = z.enum(['production', 'staging', 'development', 'unknown'])
const sensitivity = z.enum(['public', 'internal', 'confidential', 'restricted'])

const targetShape = {
  id: name,
  connector: name,
  hosts: z.array(hostRule).min(1).max(50).readonly(),
  environment,
  sensitivity,
  labels,
  privateNetworks: z.array(words(64)).max(20).readonly(),
  trustedCa: z.string().max(200_000).exactOptional(),
  credentialId: name.exactOptional(),
  placement,
  settings: z
    .record(z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, 'takes the name of a setting'), setting)
    .readonly()
    .exactOptional()
    .describe('What its connector must know; docs/reference/connectors.md names them.'),
  prices: z
    .record(words(200), z.number().int().min(0).max(1_000_000_000))
    .readonly()
    .exactOptional()
    .describe('What an act costs, in the minor unit of a currency, by action pattern; the longest that names it counts.'),
  handsOut: z.boolean().exactOptional().describe('Programs that cannot be proxied may be handed what is minted for their task.'),
}
export const addTarget = z.strictObject(targetShape).meta({ id: 'AddTarget' })
export const target = z.object(targetShape).meta({ id: 'Target' })
export const shownTarget = z
  .object({
    ...targetShape,
    placeholderVariables: z.array(z.string()).readonly(),
    plugPoints: z
      .array(z.enum(['git', 'aws', 'kubectl', 'docker']))
      .readonly()
      .describe('Which programs it hands credentials to.'),
  })
  .meta({ id: 'ShownTarget' })
export const preset = z
  .object({
    id: z.string(),
    summary: z.string(),
    connector: z.string(),
    hosts: z.array(hostRule).readonly(),
    placement,
    credential: z.enum(['required', 'optional', 'none']),
    asks: z.array(z.enum(['host', 'username'])).readonly(),
    environment,
    sensitivity,
    placeholderVariables: z.array(z.string()).readonly(),
  })
  .meta({ id: 'Preset' })
export const tunnel = z.strictObject({ host, port }).meta({ id: 'Tunnel' })
export const tunnelParams = z.strictObject({ host, port: wholeText(1, 65_535) })

export const addCredential = z.strictObject({ id: name, value: secretValue }).meta({ id: 'AddCredential' })
export const replaceCredential = z.strictObject({ value: secretValue }).meta({ id: 'ReplaceCredential' })
export const credential = z
  .object({ id: z.string(), version: z.number().exactOptional(), createdAt: millis.exactOptional() })
  .meta({ id: 'Credential' })

const issuerShape = {
  id: name,
  kind: name,
  issuer: words(512),
  audience: words(512),
  allowReuse: z.boolean().default(false).describe('Its tokens are files read many times, so one may be seen again.'),
  privateNetworks: z.array(words(64)).max(32).readonly().default([]),
  trustedCa: z.string().max(262_144).exactOptional(),
  rules: z
    .array(
      z.strictObject({
        claims: z.record(words(256), words(512)),
        workload: words(512),
        owner: words(512),
        targets: scopeNames,
        actions: scopeNames,
        maxTtlSeconds: z.number().int().min(1).max(31_536_000),
        maxBudget: budget.exactOptional(),
      }),
    )
    .min(1)
    .max(256)
    .readonly(),
}
export const addIssuer = z.strictObject(issuerShape).meta({ id: 'AddIssuer' })
export const issuer = z.object(issuerShape).meta({ id: 'Issuer' })

export const examineToken = z
  .strictObject({ token: z.string().min(1).max(65_536).meta({ writeOnly: true }) })
  .meta({ id: 'ExamineToken' })
export const examined = z
  .union([
    z.looseObject({ accepted: z.literal(true) }),
    z.object({ accepted: z.literal(false), code: z.string(), detail: z.string() }),
  ])
  .meta({ id: 'Examined' })

const selector = z
  .union([
    z.strictObject({ kind: z.enum(['task', 'caller', 'owner', 'target', 'credential']), id: words(500) }),
    z.strictObject({ kind: z.literal('all') }),
  ])
  .meta({ id: 'Selector' })
const reason = words(500)

export const revoke = z.strictObject({ selector, reason }).meta({ id: 'Revoke' })
export const because = z.strictObject({ reason })
const leaseState = z.enum(['minting', 'active', 'revoking', 'dead', 'irrevocable'])
export const leaseFilter = z.strictObject({
  ...paging,
  state: leaseState.exactOptional(),
  taskId: words(200).exactOptional(),
  targetId: words(200).exactOptional(),
  owner: words(200).exactOptional(),
})
export const lease = z
  .object({
    id: z.string(),
    keeper: z.string().describe('The gateway that sees to its death.'),
    state: leaseState.describe(
      '`dead` when the probe that saw it work was refused often enough; `irrevocable` until it expires.',
    ),
    taskId: z.string(),
    owner: z.string(),
    callerId: z.string(),
    targetId: z.string(),
    connector: z.string(),
    reach: z.array(z.string()).readonly().describe('What it can do, for people.'),
    handle: z.record(z.string(), z.string()).readonly().describe('How the provider knows it.'),
    requestedAt: millis,
    activeAt: millis.exactOptional(),
    expiresAt: millis,
    revokingAt: millis.exactOptional(),
    why: z.string().exactOptional().describe('Why it is being revoked.'),
    revocation: z.number().int().exactOptional().describe('The number of the revocation that ended it.'),
    revokedAt: millis.exactOptional().describe('When the provider said that it is revoked.'),
    irrevocableUntil: millis.exactOptional(),
    deadAt: millis.exactOptional(),
    attempts: z.number().int().nonnegative(),
    lastError: z.string().exactOptional(),
    lateAt: millis.exactOptional().describe('Since when it has been alerted on.'),
    sightings: z
      .array(z.object({ at: millis, saw: z.enum(['live', 'refused', 'unclear']), detail: z.string().exactOptional() }))
      .readonly()
      .describe('Every look at whether it works: the evidence.'),
  })
  .meta({ id: 'Lease' })

export const findingFilter = z.strictObject({
  ...paging,
  taskId: words(128).exactOptional(),
  kind: z.enum(DETECTIONS).exactOptional(),
})
export const finding = z
  .object({
    id: z.string(),
    kind: z.enum(DETECTIONS),
    taskId: z.string(),
    rootId: z.string().describe('The task at the top of its tree, whose risk it raises for a while.'),
    targetId: z.string().exactOptional(),
    detail: z.string(),
    at: millis,
    revoked: z.boolean().describe('Whether it revoked the task, as the settings have it.'),
  })
  .meta({ id: 'Finding' })

export const revocation = z
  .object({
    number: z.number(),
    selector,
    reason: z.string(),
    by: z.string(),
    at: millis,
    liftedAt: millis.exactOptional(),
    liftedBy: z.string().exactOptional(),
  })
  .meta({ id: 'Revocation' })

export const receipt = z
  .object({
    revocation,
    entry: z.number().exactOptional().describe('Index in the audit log; absent when the log could not be written.'),
    gateways: z.array(z.object({ id: z.string(), confirmedMs: z.number() })).readonly(),
    unconfirmed: z
      .array(z.string())
      .readonly()
      .describe('Gateways that did not confirm within their bound: each refuses everything by itself since, or is gone.'),
    cut: z.number().describe('Open exchanges, tunnels and streams that were cut.'),
    endedTasks: z.array(z.string()).readonly(),
    droppedLeases: z.number(),
    timings: z.object({ inForceMs: z.number(), cutMs: z.number(), totalMs: z.number() }),
  })
  .meta({ id: 'Receipt' })

export const policyStatus = z
  .object({ policySetHash: z.string(), policies: z.number(), loadedAt: millis, refused: z.string().exactOptional() })
  .meta({ id: 'PolicyStatus' })
export const explanation = z.looseObject({}).meta({ id: 'Explanation' })

export const auditEntry = z.looseObject({ index: z.number() }).meta({ id: 'AuditEntry' })
/** Up to the end of the year 9999. */
const time = wholeText(0, 253_402_300_799_999).exactOptional().describe('Epoch milliseconds, inclusive.')
/** As long as an entry may hold them. */
const auditFields = {
  kind: z.enum(['decision', 'attempt', 'outcome', 'act', 'system']).exactOptional(),
  caller: words(512).exactOptional(),
  owner: words(256).exactOptional(),
  task: words(128).exactOptional(),
  target: words(128).exactOptional(),
  action: words(256).exactOptional(),
  effect: z.enum(['allow', 'deny', 'needs-approval']).exactOptional(),
  code: words(128).exactOptional(),
  correlationId: words(128).exactOptional(),
  since: time,
  until: time,
  text: words(512).exactOptional().describe('Found anywhere in the entry, in any case.'),
} satisfies Record<keyof EntryFilter, z.ZodType>
export const auditQuery = z.strictObject({ ...paging, ...auditFields })
export const tailQuery = z.strictObject({
  ...auditFields,
  from: wholeText(0, Number.MAX_SAFE_INTEGER).exactOptional().describe('Index to begin at; absent begins with what is new.'),
})

export const status = z
  .object({
    version: z.string(),
    startedAt: millis,
    api: z.string(),
    gateway: z.string(),
    liveTasks: z.number(),
    openFlows: z.number(),
    leases: z.number(),
    revocationsInForce: z.number(),
    audit: z.object({ entries: z.number(), writable: z.boolean() }),
    store: z.string().describe('`ok`, or why the state cannot be read.'),
    policy: policyStatus,
  })
  .meta({ id: 'Status' })

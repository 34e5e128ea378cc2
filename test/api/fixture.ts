import { mkdtempSync, rmSync } from 'node:fs'
import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Api, createApi } from '../../src/api/server.ts'
import type {
  ApiVerbs,
  Asked,
  FindingListing,
  IdempotencyVerbs,
  LeaseListing,
  Proof,
  RotationListing,
} from '../../src/api/verbs.ts'
import type { Approval } from '../../src/approvals/approval.ts'
import type { Recipe } from '../../src/credentials/rotation/recipe.ts'
import { StintError } from '../../src/errors.ts'
import type { Opening } from '../../src/glass/opening.ts'
import { createLog } from '../../src/log.ts'
import type { Caller, Revocation, Selector, Target, Task, TaskWish } from '../../src/model.ts'
import type { Secret } from '../../src/secret.ts'
import { recipeAt } from '../credentials/rotation/recipe-example.ts'

export const THUMBPRINT = 'a'.repeat(43)
export const ISSUER = 'http://127.0.0.1:7400'

export const TARGET: Target = {
  id: 'orders',
  connector: 'http',
  hosts: [{ scheme: 'https', host: 'orders.example', port: 443 }],
  environment: 'staging',
  sensitivity: 'internal',
  labels: [],
  privateNetworks: [],
  placement: { kind: 'none' },
}

export const ISSUER_RECORD = {
  id: 'ci',
  kind: 'oidc',
  issuer: 'https://ci.example',
  audience: 'stint',
  allowReuse: false,
  privateNetworks: [],
  rules: [
    {
      claims: { sub: 'repo:1' },
      workload: 'spiffe://stint.local/ci',
      owner: 'alice',
      targets: ['orders'],
      actions: ['*'],
      maxTtlSeconds: 900,
    },
  ],
}

export const LEASE: LeaseListing = {
  ...{
    id: 'lease_abcdefaaaaaaaaaaaaaaaa',
    state: 'active',
    keeper: 'local',
    taskId: 'task_1',
    owner: 'alice',
    callerId: 'spiffe://stint.local/run/1',
  },
  ...{ targetId: 'orders', connector: 'postgres', reach: ['reads schema app'], handle: { role: 'stint' } },
  ...{ requestedAt: 1, activeAt: 2, expiresAt: 1000, attempts: 0, sightings: [{ at: 3, saw: 'live' }] },
}

const DEED = { at: 0, action: 'http:GET', targetId: 'orders', resource: '/v1', effect: 'allow' } as const

export const APPROVAL: Approval = {
  ...{ id: 'approval_1', state: 'pending', approver: 'owner', answers: [], usesLeft: 0, createdAt: 1, expiresAt: 1000 },
  ...{ taskId: 'task_1', purpose: 'read', owner: 'alice', taskExpiresAt: 901_000, callerId: 'spiffe://stint.local/run/1' },
  ...{ targetId: 'orders', action: 'http:POST', access: 'write', resource: '/v1/orders', parameters: {} },
  ...{ line: 'POST https://orders.example/v1/orders', body: '{"count":1}' },
  ...{ risk: 40, riskReasons: [], policies: ['write-production'], reasons: ['Ask the owner.'] },
}

export const RECIPE: Recipe = recipeAt('https://orders.example')

export const ROTATION: RotationListing = {
  ...{ id: 'rotation_a', credentialId: 'orders', targetId: 'orders', state: 'making', keeper: 'local', startedBy: 'schedule' },
  ...{ startedAt: 1, attempts: 0, sightings: [{ at: 2, key: 'old', saw: 'live' }] },
}

/** Verbs over maps. `happened` is the order in which the API used them; `asked` is what was authorised. */
export interface Fake {
  readonly verbs: ApiVerbs
  readonly happened: string[]
  readonly asked: Asked[]
  readonly attempts: { code: string; detail: string }[]
  readonly tasks: Map<string, Task>
  readonly secrets: Map<string, Secret>
  readonly attending: Map<string, (task: Task) => void>
  refuse?: { code: 'denied' | 'audit_unavailable' | 'revoked'; reasons: readonly string[] }
}

export function task(id: string, input: Partial<TaskWish> = {}): Task {
  return {
    id,
    purpose: input.purpose ?? 'read',
    owner: input.owner ?? 'alice',
    workload: 'spiffe://stint.local/local/a',
    proof: input.proof ?? 'run-secret',
    keyThumbprint: input.keyThumbprint ?? THUMBPRINT,
    scope: { targets: input.targets ?? ['orders'], actions: input.actions ?? ['*'] },
    labels: [],
    startedAt: 1000,
    expiresAt: 901_000,
    state: 'live',
    supervised: input.supervised ?? false,
  }
}

/** An in-memory Idempotency-Key store that outlives the API built on it. */
export function memoryIdempotency(): IdempotencyVerbs & {
  readonly kept: Map<string, { digest: string; responseJson?: string }>
} {
  const kept = new Map<string, { digest: string; responseJson?: string }>()
  const nameOf = ({ key, caller }: { key: string; caller: string }): string => `${caller} ${key}`
  return {
    kept,
    async claim(key, digest) {
      const held = kept.get(nameOf(key))
      if (held === undefined) kept.set(nameOf(key), { digest })
      return held
    },
    async finish(key, responseJson) {
      const held = kept.get(nameOf(key))
      if (held !== undefined) kept.set(nameOf(key), { ...held, responseJson })
    },
    async release(key) {
      kept.delete(nameOf(key))
    },
  }
}

export function createFake(idempotency: IdempotencyVerbs = memoryIdempotency()): Fake {
  const happened: string[] = []
  const fake: Fake = {
    happened,
    asked: [],
    attempts: [],
    tasks: new Map([['task_1', task('task_1')]]),
    secrets: new Map(),
    attending: new Map(),
    verbs: undefined as unknown as ApiVerbs,
  }
  const targets = new Map<string, Target>([[TARGET.id, TARGET]])
  const revocations: Revocation[] = []
  const did = <T>(what: string, value: T): T => {
    happened.push(what)
    return value
  }
  const find = <T>(map: ReadonlyMap<string, T>, id: string): T => {
    const found = map.get(id)
    if (found === undefined) throw new StintError('not_found', `there is no ${id}`)
    return found
  }
  const policy = { policySetHash: 'f'.repeat(64), policies: 3, loadedAt: 1 }
  let renewed = 0
  const token = () => ({ token: `token-${++renewed}`, tokenExpiresAt: 301_000 })
  const verbs: ApiVerbs = {
    authenticate: (proof) => did('authenticate', whoIs(proof)),
    async authorize(asked) {
      happened.push(asked.record ? 'record' : 'decide')
      fake.asked.push(asked)
      const { refuse } = fake
      if (refuse?.code === 'audit_unavailable') throw new StintError('audit_unavailable', 'the log cannot be written')
      return refuse && { ...refuse, detail: 'no', correlationId: asked.correlationId }
    },
    recordAttempt: async (attempt) => void fake.attempts.push(attempt),
    idempotency,
    tasks: {
      async start(input) {
        const started = did('tasks.start', task(`task_${fake.tasks.size + 1}`, input))
        fake.tasks.set(started.id, started)
        return { task: started, gateway: '127.0.0.1:7401', ...token() }
      },
      async startChild(parentId, input) {
        const started = did('tasks.startChild', { ...task(`task_${fake.tasks.size + 1}`, input), parentId })
        fake.tasks.set(started.id, started)
        return { task: started, gateway: '127.0.0.1:7401', ...token() }
      },
      show: async (id) => ({ ...find(fake.tasks, id), ancestors: [], children: [], budgets: [] }),
      raise: async (id) => did('tasks.raise', { ...find(fake.tasks, id), ancestors: [], children: [], budgets: [] }),
      list: async () => did('tasks.list', { items: [...fake.tasks.values()] }),
      get: async (id) => find(fake.tasks, id),
      async end(id, endReason) {
        const ended: Task = did('tasks.end', { ...find(fake.tasks, id), state: 'ended', endedAt: 2000, endReason })
        fake.tasks.set(id, ended)
        fake.attending.get(id)?.(ended)
        return ended
      },
      renew: async () => did('tasks.renew', token()),
      attend(id, onEnd) {
        fake.attending.set(id, onEnd)
        return () => void fake.attending.delete(id)
      },
      registerRoot: async () => did('tasks.registerRoot', undefined),
      undo: {
        plan: async (taskId) => ({ taskId, digest: '0'.repeat(64), steps: [], others: [] }),
        apply: async (taskId) => did('tasks.undo', { taskId, done: [], left: 0 }),
      },
    },
    targets: {
      async add(target) {
        targets.set(target.id, target)
        return did('targets.add', target)
      },
      list: () => [...targets.values()],
      get: (id) => find(targets, id),
      remove: async (id) => did('targets.remove', targets.delete(id)),
      tools: () => ({ placeholderVariables: ['ORDERS_TOKEN'], plugPoints: [] }),
      presets: () => [],
      probe: async () => did('targets.probe', [{ step: 'resolve orders.example', ok: true, detail: '192.0.2.1' }]),
      pin: async () => did('targets.pin', [{ name: 'send', digest: '0'.repeat(64), change: 'new' }]),
      discover: async () => did('targets.discover', [{ kind: 'account', id: 'ann', access: 'limited', isUsable: true }]),
    },
    tunnels: {
      add: async () => did('tunnels.add', undefined),
      list: () => [{ host: 'a.example', port: 443 }],
      remove: async () => did('tunnels.remove', undefined),
    },
    credentials: {
      add: async (id, value) => did('credentials.add', fake.secrets.set(id, value)),
      replace: async (id, value) => did('credentials.replace', fake.secrets.set(id, value)),
      list: () => [...fake.secrets.keys()].map((id) => ({ id })),
      remove: async (id) => did('credentials.remove', fake.secrets.delete(id)),
      rotateKey: async () => did('credentials.rotateKey', fake.secrets.size),
    },
    issuers: {
      add: async (issuer) => did('issuers.add', issuer),
      list: () => [ISSUER_RECORD],
      remove: async () => did('issuers.remove', undefined),
      examine: async () =>
        did('issuers.examine', { accepted: false as const, code: 'issuer_unknown', detail: 'nobody knows it' }),
    },
    revocations: {
      async revoke(selector: Selector, { reason, by: { id: by } }) {
        const revocation = did('revocations.revoke', { number: revocations.length + 1, selector, reason, by, at: 5 })
        revocations.unshift(revocation)
        const timings = { inForceMs: 1, cutMs: 1, totalMs: 2 }
        return { revocation, gateways: [], unconfirmed: [], cut: 0, endedTasks: [], droppedLeases: 0, timings }
      },
      lift: async (number) =>
        did('revocations.lift', {
          ...find(new Map(revocations.map((one) => [String(one.number), one])), String(number)),
          liftedAt: 6,
        }),
      list: async () => revocations,
    },
    leases: {
      list: async ({ limit }) => ({ items: [LEASE].slice(0, limit) }),
      get: async (id) => find(new Map([[LEASE.id, LEASE]]), id),
      end: async (id, why) => did(`revoke ${id}`, { ...find(new Map([[LEASE.id, LEASE]]), id), state: 'revoking', why }),
    },
    findings: { list: async ({ limit }) => ({ items: [FINDING].slice(0, limit) }) },
    glass: {
      seal: async ({ value: _, byHand: __, ...wish }) =>
        did('glass.seal', { ...wish, targetDigest: '0'.repeat(64), sealedBy: 'ana', sealedAt: 1 }),
      seals: async () => [],
      ask: async () => did('glass.ask', OPENING),
      drill: async (_, rotates) => did('glass.drill', { ...OPENING, taskId: '', drill: { rotates } }),
      list: async ({ limit }) => ({ items: [OPENING].slice(0, limit) }),
      get: async (id) => find(new Map([[OPENING.id, OPENING]]), id),
      close: async (_, why) => did('glass.close', { ...OPENING, state: 'closed', why, endedAt: 3, renewal: 'due' }),
      review: async (_, caller, note) =>
        did('glass.review', { ...OPENING, state: 'closed', review: { by: caller.id, at: 4, note } }),
    },
    approvals: {
      list: async ({ limit }) => ({ items: [APPROVAL].slice(0, limit) }),
      get: async (id) => ({ ...find(new Map([[APPROVAL.id, APPROVAL]]), id), touched: ['secrets'], before: [DEED] }),
      ofTask: async (taskId, id) => find(new Map([[`${APPROVAL.taskId} ${APPROVAL.id}`, APPROVAL]]), `${taskId} ${id}`),
      grant: async () => did('approvals.grant', { ...APPROVAL, state: 'granted', usesLeft: 1 }),
      deny: async () => did('approvals.deny', { ...APPROVAL, state: 'denied' }),
      answer: async () => did('approvals.answer', { ...APPROVAL, state: 'granted', usesLeft: 1 }),
    },
    rotations: {
      declare: async (credentialId, recipe) => did('rotations.declare', { credentialId, recipe, declaredAt: 1, version: 1 }),
      recipe: async (credentialId) => ({ credentialId, recipe: RECIPE, declaredAt: 1, version: 1 }),
      forget: async () => did('rotations.forget', undefined),
      begin: async () => did('rotations.begin', ROTATION),
      list: async () => [ROTATION],
    },
    backups: { allow: () => ({ sharedAs: 'gateway' }) },
    policy: {
      status: () => policy,
      reload: async () => did('policy.reload', policy),
      explain: async (entry) => ({ entry, why: 'because' }),
    },
    audit: {
      search: async () => ({
        items: [{ index: 0, kind: 'system', at: '2026-01-01T00:00:00.000Z', code: 'started', detail: '' }],
      }),
      entry: async (index) => ({ index, kind: 'act' }),
      async *tail({ from = 0 }) {
        yield { index: from }
        yield { index: from + 1 }
      },
      checkpoint: async () => 'stint.local/log\n1\nAAAA\n',
      publicKey: () => 'stint.local/log+aaaa+AAAA',
    },
    status: async () => ({
      version: '0.1.0',
      startedAt: 1,
      api: ISSUER,
      gateway: 'http://127.0.0.1:7401',
      liveTasks: 1,
      openFlows: 0,
      leases: 0,
      revocationsInForce: 0,
      audit: { entries: 1, writable: true },
      store: 'ok',
      policy,
    }),
    ready: async () => ({ store: true, audit: true }),
    caCertificate: () => '-----BEGIN CERTIFICATE-----\n',
    jwks: () => ({ keys: [] }),
    metrics: async () => '# HELP stint_live_tasks x\n',
  }
  return Object.assign(fake, { verbs })
}

const OPENING: Opening = {
  ...{
    id: 'opening_1',
    state: 'asked',
    credentialId: 'orders',
    targetId: 'orders',
    taskId: 'task_1',
    openBy: '2 of role:oncall',
  },
  ...{ workload: 'spiffe://stint.local/run/1', owner: 'alice', requestedBy: 'ana', reason: 'it burns', ticket: 'INC-1' },
  ...{ seconds: 60, createdAt: 1, approvalId: 'approval_1' },
}

const FINDING: FindingListing = {
  ...{
    id: 'finding_1',
    kind: 'denied-burst',
    taskId: 'task_1',
    rootId: 'task_1',
    detail: 'many were refused',
    at: 1,
    revoked: false,
  },
}

/** `good-…` proves; everything else does not. */
function whoIs(proof: Proof): Caller {
  const base = { issuer: 'stint', actors: [], claims: {} }
  switch (proof.kind) {
    case 'operator':
      return { ...base, id: 'spiffe://stint.local/operator', proof: 'operator-socket' }
    case 'webhook':
      if (proof.head.signature !== 'v1,good') throw new StintError('signature_invalid', 'it is not signed')
      return { ...base, id: `spiffe://stint.local/webhook/${proof.name}`, proof: 'webhook' }
    case 'dpop':
      if (!proof.token.startsWith('good-')) throw new StintError('invalid_token', 'the signature does not verify')
      return { ...base, id: 'spiffe://stint.local/ci', proof: 'federated', taskId: proof.token.slice('good-'.length) }
    case 'federated':
      if (proof.token !== 'good-ci') throw new StintError('issuer_unknown', 'no issuer vouches for it')
      return {
        ...base,
        id: 'spiffe://stint.local/ci',
        proof: 'federated',
        ...(proof.possession && { keyThumbprint: THUMBPRINT }),
      }
  }
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly json: Record<string, unknown>
}

export interface Ask {
  readonly body?: unknown
  readonly raw?: string
  readonly headers?: OutgoingHttpHeaders
}

/** A real API on a real socket and a real port, over the fake verbs. */
export interface Running {
  readonly api: Api
  readonly port: number
  readonly socketPath: string
  readonly home: string
  readonly logged: string[]
  /** Over the operator socket. */
  socket(method: string, path: string, ask?: Ask): Promise<Answered>
  /** Over TCP. */
  tcp(method: string, path: string, ask?: Ask): Promise<Answered>
  /** The response itself, for streams. */
  open(path: string, headers?: OutgoingHttpHeaders): Promise<IncomingMessage>
  stop(): Promise<void>
}

export async function runApi(verbs: ApiVerbs, options: { heartbeatMs?: number; now?: () => number } = {}): Promise<Running> {
  const home = mkdtempSync(join(tmpdir(), 'stint-api-'))
  const socketPath = join(home, 'operator.sock')
  const logged: string[] = []
  const log = createLog('trace', { write: (line) => void logged.push(line) })
  const api = await createApi(verbs, {
    issuer: ISSUER,
    version: '0.1.0',
    log,
    now: options.now ?? (() => 0),
    peerPid: () => 4242,
    ...(options.heartbeatMs !== undefined && { heartbeatMs: options.heartbeatMs }),
  })
  const { port } = await api.listenTcp('127.0.0.1', 0)
  await api.listenSocket(socketPath)
  const at = { socketPath }
  return {
    api,
    port,
    socketPath,
    home,
    logged,
    socket: (method, path, ask = {}) => exchange({ ...at, method, path }, ask),
    tcp: (method, path, ask = {}) => exchange({ host: '127.0.0.1', port, method, path }, ask),
    open: (path, headers = {}) => respond({ ...at, method: 'GET', path }, { headers }),
    async stop() {
      await api.close(0)
      rmSync(home, { recursive: true, force: true })
    },
  }
}

type Where = Record<'method' | 'path', string> & ({ socketPath: string } | { host: string; port: number })

function respond(where: Where, { body, raw, headers = {} }: Ask): Promise<IncomingMessage> {
  return new Promise((done, failed) => {
    const text = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    const type = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const asked = request({ ...where, agent: false, headers: { ...type, ...headers } }, done)
    asked.on('error', failed)
    asked.end(text)
  })
}

async function exchange(where: Where, ask: Ask): Promise<Answered> {
  const response = await respond(where, ask)
  const body = await text(response)
  const isJson = /json/.test(response.headers['content-type'] ?? '') && !/jsonl/.test(response.headers['content-type'] ?? '')
  return { status: response.statusCode ?? 0, headers: response.headers, text: body, json: isJson ? JSON.parse(body) : {} }
}

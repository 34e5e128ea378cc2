import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TlsOptions } from 'node:tls'
import { createRetryStates } from '../../src/approvals/retry-state.ts'
import { Permit } from '../../src/audit/permit.ts'
import { type BrokerVerbs, createBroker } from '../../src/broker.ts'
import type { Connector, Injection } from '../../src/credentials/connector.ts'
import type { Lease } from '../../src/credentials/lease.ts'
import { manyMcp } from '../../src/credentials/protocols/many-mcp.ts'
import { StintError } from '../../src/errors.ts'
import type { ApprovalStatusVerbs } from '../../src/gateway/approval-status.ts'
import { openCa } from '../../src/gateway/ca.ts'
import { createDial } from '../../src/gateway/dial.ts'
import { createGateway, type GatewayProof } from '../../src/gateway/gateway.ts'
import type { HandOutVerbs } from '../../src/gateway/hand-out.ts'
import type { Action, Caller, Decision, Operation, Outcome, Target, Task } from '../../src/model.ts'
import { createFlows } from '../../src/revocations/flows.ts'

/** What happened, in order: what the broker was asked and what the gateway told. */
export interface Event {
  readonly kind: 'decide' | 'attempt' | 'settle' | 'report'
  readonly action?: string
  readonly resource?: string
  readonly code?: string
  readonly detail?: string
  readonly outcome?: Outcome
}

interface RigOptions {
  readonly targets: readonly Target[]
  readonly tunnels?: readonly string[]
  readonly injections?: readonly Injection[]
  readonly leaseHosts?: Lease['hosts']
  /** Answers deny for what it names. */
  readonly denies?: (action: Action) => boolean
  readonly bodyPrefix?: (operation: Operation) => number
  readonly describe?: (operation: Operation) => Action
  readonly takesSlash?: (path: string) => boolean
  /** Instead of one that calls every request by its method. */
  readonly connector?: Connector
  readonly speakRefusal?: Connector['speakRefusal']
  readonly liveTask?: () => Task
  /** Answers needs-approval for what it names. */
  readonly asks?: (action: Action) => boolean
  readonly consent?: BrokerVerbs<GatewayProof>['consent']
  readonly answered?: BrokerVerbs<GatewayProof>['answered']
  readonly approvalStatus?: ApprovalStatusVerbs['approvalStatus']
  readonly describeHandOut?: HandOutVerbs['describeHandOut']
  /** The task of everyone who attaches is over. */
  readonly isOver?: boolean
  /** Waits here before the decision is durable. */
  readonly record?: () => Promise<void>
  /** Waits here before a name is resolved. */
  readonly resolving?: () => Promise<void>
  readonly names?: Readonly<Record<string, readonly string[]>>
  readonly maxConnections?: number
  readonly clientHeadersTimeoutMs?: number
  readonly headersTimeoutMs?: number
}

export const task: Task = {
  id: 'task_1',
  purpose: 'test',
  owner: 'ann@example.com',
  workload: 'spiffe://stint.local/run/1',
  proof: 'sandbox',
  keyThumbprint: 'thumb',
  scope: { targets: ['*'], actions: ['*'] },
  labels: [],
  startedAt: 0,
  expiresAt: 4_000_000_000_000,
  state: 'live',
  supervised: false,
}
export const caller: Caller = { id: task.workload, proof: 'sandbox', issuer: 'stint', taskId: task.id, actors: [], claims: {} }

/** A target on a loopback port. */
export function targetAt(place: {
  scheme?: 'http' | 'https'
  host?: string
  port: number
  trustedCa?: string
  id?: string
}): Target {
  const { scheme = 'http', host = 'up.test', port, trustedCa, id = 'up' } = place
  return {
    id,
    connector: 'http',
    hosts: [{ scheme, host, port }],
    environment: 'development',
    sensitivity: 'internal',
    labels: [],
    privateNetworks: ['127.0.0.0/8', '::1/128'],
    ...(trustedCa !== undefined && { trustedCa }),
    placement: { kind: 'none' },
  }
}

/** A real gateway and a real broker; only the folders behind the broker are played. Token `good` is proved, others are not. */
export async function startRig(options: RigOptions) {
  const directory = mkdtempSync(join(tmpdir(), 'stint-gateway-'))
  mkdirSync(join(directory, 'ca'), { mode: 0o700 })
  const ca = await openCa(join(directory, 'ca'), { now: Date.now })
  const caFile = join(directory, 'ca.pem')
  writeFileSync(caFile, ca.certificatePem)
  const events: Event[] = []
  const flows = createFlows(() => [])
  const dialled: string[] = []
  const connector: Connector = {
    kind: 'http',
    summary: '',
    defaultHosts: [],
    defaultPlacement: { kind: 'none' },
    placeholderVariables: [],
    bodyPrefix: options.bodyPrefix ?? (() => 0),
    describe:
      options.describe ??
      ((operation) => ({ id: `http:${operation.method}`, access: 'read', resource: operation.path, parameters: {} })),
    ...(options.takesSlash && { takesSlash: options.takesSlash }),
    ...(options.speakRefusal && { speakRefusal: options.speakRefusal }),
    obtain: async () => ({ injections: [] }),
    example: { target: targetAt({ port: 1 }), known: [], unknown: [] },
  }
  const verify = (proof: GatewayProof): Caller => {
    if (proof.kind === 'attached') return proof.caller
    if (proof.token !== 'good') throw new StintError('invalid_token', 'the token is not acceptable')
    if (proof.dpop !== `${proof.method} ${proof.url}`)
      throw new StintError('invalid_token', `the proof is not for ${proof.method} ${proof.url}`)
    return caller
  }
  const leases = new Map<string, Lease>()
  const leaseFor = (target: Target): Lease => {
    const lease = leases.get(target.id) ?? {
      id: 'lease_1',
      taskId: task.id,
      targetId: target.id,
      credentialId: undefined,
      hosts: options.leaseHosts ?? target.hosts,
      privateNetworks: target.id.startsWith('tunnel:') ? ['127.0.0.0/8'] : target.privateNetworks,
      trustedCa: target.trustedCa,
      injections: options.injections ?? [],
      expiresAt: task.expiresAt,
      state: 'active',
    }
    leases.set(target.id, lease)
    return lease
  }
  const broker = createBroker<GatewayProof>({
    verify,
    liveTask: options.liveTask ?? (() => (options.isOver ? undefined : task)),
    open: (about) => flows.open(about),
    charge: () => undefined,
    refund: () => undefined,
    request: (_caller, _task, target, action) => ({
      principal: { type: 'Workload', id: caller.id },
      action: action.id,
      resource: { type: 'Target', id: target.id },
      context: { path: action.resource },
      risk: { score: 0, reasons: [] },
    }),
    decide: (request, { target }): Decision => {
      const resource = String(request.context.path)
      events.push({ kind: 'decide', action: request.action, resource: `${target.id} ${resource}` })
      const act: Action = { id: request.action, access: 'read', resource, parameters: {} }
      const denied = options.denies?.(act) ?? false
      if (options.asks?.(act))
        return {
          effect: 'needs-approval',
          policies: [],
          policySetHash: 'h',
          approver: 'owner',
          code: 'needs_approval',
          reasons: ['Ask.'],
        }
      return {
        effect: denied ? 'deny' : 'allow',
        policies: [],
        policySetHash: 'h',
        code: denied ? 'no_policy_permits' : 'allowed',
        reasons: denied ? ['no policy permits it'] : [],
      }
    },
    consent: options.consent ?? (async ({ decision }) => decision),
    answered: options.answered ?? (async () => false),
    touch: () => undefined,
    keepTouched: () => undefined,
    record: async (decided) => {
      await options.record?.()
      return decided.decision.effect === 'allow' ? Permit.grant(events.length, decided) : undefined
    },
    recordAttempt: async ({ code, detail }) => void events.push({ kind: 'attempt', code, detail }),
    obtain: ({ decided }) => leaseFor(decided.target ?? targetAt({ port: 1 })),
    settle: (_permit, outcome) => void events.push({ kind: 'settle', outcome }),
    report: (_id, thrown) => void events.push({ kind: 'report', detail: String(thrown) }),
  })
  const resolve = async (host: string) => {
    dialled.push(host)
    await options.resolving?.()
    return options.names?.[host] ?? ['127.0.0.1']
  }
  const retryStates = createRetryStates(Buffer.alloc(32, 7), Date.now)
  const gateway = createGateway(
    {
      ...broker,
      attach: async (proof) => verify(proof),
      openConnection(who) {
        if (options.isOver) throw new StintError('task_not_live', 'the task is over')
        return flows.open({ caller: who, task })
      },
      match: (scheme, host, port) =>
        options.targets.find((one) =>
          one.hosts.some((rule) => rule.scheme === scheme && rule.host === host && rule.port === port),
        ),
      isTunnel: (host, port) => options.tunnels?.includes(`${host}:${port}`) ?? false,
      connectorOf: () => options.connector ?? connector,
      foresee: (_decided, action) => (options.denies?.(action) ? 'deny' : 'allow'),
      ...{ manyServers: manyMcp, issuer: 'https://stint.example.com' },
      serveTaskTools: async () => ({ status: 404 }),
      sealRetry: retryStates.seal,
      openRetry: retryStates.open,
      approvalStatus:
        options.approvalStatus ??
        (async () => {
          throw new StintError('not_found', 'nothing is asked here')
        }),
      serversOf: () => options.targets,
      noteUndo: () => undefined,
      noteHeldBack: (_, detail) => void events.push({ kind: 'report', detail }),
      report: (thrown) => void events.push({ kind: 'report', detail: String(thrown) }),
      describeHandOut:
        options.describeHandOut ??
        (() => {
          throw new StintError('denied', 'nothing is handed out here')
        }),
    },
    {
      host: '127.0.0.1',
      port: 0,
      maxConnections: options.maxConnections ?? 1000,
      approvalBodyBytes: 1_048_576,
      approvalSpoolBytes: 0,
      spoolDirectory: join(directory, 'spool'),
      approvalWaitSeconds: 60,
      headersTimeoutMs: options.headersTimeoutMs ?? 10_000,
      clientHeadersTimeoutMs: options.clientHeadersTimeoutMs ?? 10_000,
      ca,
      dial: createDial({ connectTimeoutMs: 3000, resolve }),
    },
  )
  const { port } = await gateway.listen()
  return {
    port,
    ca,
    caFile,
    directory,
    events,
    flows,
    dialled,
    outcomes: () => events.flatMap((event) => event.outcome ?? []),
    decided: () => events.filter((event) => event.kind === 'decide'),
    /** A connection that is attached to the task. */
    attach: () => attachTo(port),
    gateway,
    async stop() {
      await gateway.close(0)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export type Rig = Awaited<ReturnType<typeof startRig>>

/** Attaches as `stint run` does. */
export async function attachTo(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  const url = `http://127.0.0.1:${port}/.well-known/stint/attach`
  const head = [
    'GET /.well-known/stint/attach HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: stint-task/1',
    'Authorization: DPoP good',
    `DPoP: GET ${url}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  const answer = await readHead(socket)
  if (!answer.startsWith('HTTP/1.1 101 ')) throw new Error(answer)
  return socket
}

/** Reads one header section, and leaves the rest on the socket. */
export function readHead(socket: Socket): Promise<string> {
  return new Promise((done, fail) => {
    let bytes = Buffer.alloc(0)
    const onData = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      const at = bytes.indexOf('\r\n\r\n')
      if (at === -1) return
      stop()
      const rest = bytes.subarray(at + 4)
      if (rest.length > 0) socket.unshift(rest)
      done(bytes.subarray(0, at + 4).toString('latin1'))
    }
    const onEnd = () => {
      stop()
      fail(new Error(`the connection closed after: ${bytes.toString('latin1')}`))
    }
    const stop = () => socket.pause().off('data', onData).off('close', onEnd).off('error', onEnd).off('end', onEnd)
    socket.on('data', onData).on('close', onEnd).on('error', onEnd).on('end', onEnd).resume()
  })
}

/** Everything until the other side closes. */
export function readAll(socket: Socket): Promise<string> {
  return new Promise((done) => {
    const chunks: Buffer[] = []
    const finish = () => done(Buffer.concat(chunks).toString('latin1'))
    socket
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('error', () => {})
      .on('close', finish)
      .resume()
    if (socket.closed) finish()
  })
}

/** Listens on a free loopback port. */
export async function listening(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A TLS server in the name of any host, with a CA of its own: the context by name, and the CA to trust. */
export async function startTls(directory: string): Promise<{ trustedCa: string; options: TlsOptions }> {
  const path = join(directory, 'upstream-ca')
  mkdirSync(path, { mode: 0o700 })
  const ca = await openCa(path, { now: Date.now })
  const SNICallback: TlsOptions['SNICallback'] = (name, done) => {
    ca.contextFor(name).then((context) => done(null, context), done)
  }
  return { trustedCa: ca.certificatePem, options: { SNICallback } }
}

/** What came back from one request over a raw socket. */
export interface Answer {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** Writes raw bytes on a new attached connection and reads until the gateway closes it. */
export async function exchange(rig: Rig, ...lines: readonly string[]): Promise<Answer> {
  const socket = await rig.attach()
  socket.write(lines.join('\r\n'), 'latin1')
  return answerOf(await readAll(socket))
}

export function answerOf(text: string): Answer {
  const at = text.indexOf('\r\n\r\n')
  return { status: Number(text.split(' ', 2)[1]), head: text.slice(0, at), body: text.slice(at + 4) }
}

/** Runs the real curl. */
export function curl(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    execFile('curl', ['-sS', '--max-time', '10', ...args], { env: { PATH: process.env.PATH ?? '' } }, (error, stdout, stderr) => {
      done({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
  })
}

/** The proof headers curl needs, for one request. */
export function proofFor(method: string, url: string): string[] {
  return ['--proxy-header', 'Proxy-Authorization: DPoP good', '--proxy-header', `DPoP: ${method} ${url}`]
}

/** Waits until it holds; a test that never gets there runs into its time limit. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setTimeout(done, 5))
}

/** A Stint small enough to read: the API on a unix socket and a gateway that speaks the attach protocol, with real DPoP checks. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { type ErrorCode, problem } from '../../src/errors.ts'
import { createDpop } from '../../src/identity/dpop.ts'

export interface FakeTask {
  readonly id: string
  readonly wish: Record<string, unknown>
  readonly keyThumbprint: string
  tokens: string[]
  root: { pid: number; startTime: string } | undefined
  state: 'live' | 'ended' | 'revoked'
  endReason: string
  present: number
  presences: number
  /** Ends its presence streams. */
  drop: (() => void)[]
}

export interface FakeStint {
  /** Everything of this test; `home`, `user` and `project` are in it. */
  readonly directory: string
  readonly home: string
  readonly user: string
  readonly project: string
  readonly gateway: string
  readonly tasks: Map<string, FakeTask>
  /** Lines of what the gateway was asked: `GET http://host/path`. */
  readonly seen: string[]
  /** What attached connections are served by; replace to change the upstream. */
  serve: (request: IncomingMessage, response: ServerResponse) => void
  connect: (request: IncomingMessage, socket: Socket) => void
  /** The code to refuse the next tasks with. */
  refuseStart: ErrorCode | undefined
  /** What starting a task waits for. */
  holdStart: (() => Promise<void>) | undefined
  tokenSeconds: number
  attaches: number
  task(): FakeTask
  revoke(task: FakeTask): void
  stopApi(): Promise<void>
  startApi(): Promise<void>
  close(): Promise<void>
}

export async function startFakeStint(): Promise<FakeStint> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'stint-test-')))
  const [home, user, project] = ['data', 'home', 'home/project'].map((name) => join(directory, name)) as [string, string, string]
  for (const path of [home, user, project]) mkdirSync(path, { recursive: true })
  writeFileSync(join(home, 'ca.pem'), '-----BEGIN CERTIFICATE-----\nc3RpbnQ=\n-----END CERTIFICATE-----\n')
  writeFileSync(join(home, 'vault.db'), 'vault-secret')
  const dpop = createDpop({ skewSeconds: 30, now: Date.now })
  const inner = createServer((request, response) => {
    fake.seen.push(`${request.method} ${request.url}`)
    fake.serve(request, response)
  })
  inner.on('connect', (request: IncomingMessage, socket: Socket) => {
    fake.seen.push(`CONNECT ${request.url}`)
    fake.connect(request, socket)
  })
  const outer = createServer((_request, response) => response.writeHead(404).end())
  const sockets = new Set<Socket>()
  outer.on('connection', (socket: Socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => {}))
  })
  outer.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => void attach(request, socket, head))
  outer.listen(0, '127.0.0.1')
  await once(outer, 'listening')
  const gateway = `127.0.0.1:${(outer.address() as AddressInfo).port}`
  let api: Server | undefined

  const fake: FakeStint = {
    ...{ directory, home, user, project, gateway, tasks: new Map(), seen: [], tokenSeconds: 300, attaches: 0 },
    serve: (_request, response) => void response.end('hello from upstream\n'),
    connect: (_request, socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\n'),
    refuseStart: undefined,
    holdStart: undefined,
    task() {
      const found = [...fake.tasks.values()].at(-1)
      if (found === undefined) throw new Error('no task was started')
      return found
    },
    revoke(task) {
      task.state = 'revoked'
      task.endReason = 'kill switch'
      for (const drop of task.drop) drop()
    },
    async startApi() {
      const server = createServer((request, response) => void answer(request, response))
      server.listen(join(home, 'operator.sock'))
      await once(server, 'listening')
      api = server
      stopApi = async () => {
        server.closeAllConnections()
        server.close()
        await once(server, 'close')
      }
    },
    stopApi: () => stopApi(),
    async close() {
      await stopApi()
      for (const socket of sockets) socket.destroy()
      inner.closeAllConnections()
      outer.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  let stopApi = async () => {}
  await fake.startApi()
  void api
  return fake

  async function attach(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    fake.attaches += 1
    const token = String(request.headers.authorization).replace(/^DPoP /, '')
    const task = [...fake.tasks.values()].find((one) => one.tokens.includes(token))
    const refuse = (code: ErrorCode, detail: string) => {
      const document = problem(code, detail)
      const body = JSON.stringify(document)
      socket.end(
        `HTTP/1.1 ${document.status} No\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
    }
    if (task === undefined || task.tokens.at(-1) !== token) return refuse('invalid_token', 'unknown or old token')
    const url = `http://${gateway}/.well-known/stint/attach`
    try {
      await dpop.check({ proof: String(request.headers.dpop), method: 'GET', url, token, thumbprint: task.keyThumbprint })
    } catch (thrown) {
      return refuse('invalid_token', String(thrown))
    }
    if (task.state !== 'live') return refuse('task_not_live', `the task is ${task.state}`)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: stint-task/1\r\n\r\n')
    if (head.length > 0) socket.unshift(head)
    inner.emit('connection', socket)
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, , noun, id = '', verb] = (request.url ?? '').split('/')
    const say = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    const task = fake.tasks.get(id)
    if (noun === 'audit') return void say(200, { items: [] })
    if (noun === 'targets' && id === 'github') return void say(200, shownTarget)
    if (noun === 'tasks' && id === '' && fake.refuseStart) return void say(403, problem(fake.refuseStart, 'as told'))
    if (noun === 'tasks' && id === '') await fake.holdStart?.()
    if (noun === 'tasks' && id === '') return void say(201, start((await json(request)) as Record<string, unknown>))
    if (task === undefined) return void say(404, problem('not_found', 'no such thing'))
    if (verb === 'root') {
      task.root = (await json(request)) as { pid: number; startTime: string }
      return void say(200, { done: true })
    }
    if (verb === 'end') {
      if (task.state === 'live')
        Object.assign(task, { state: 'ended', endReason: ((await json(request)) as { reason: string }).reason })
      for (const drop of task.drop) drop()
      return void say(200, shown(task))
    }
    if (task.state !== 'live') return void say(403, problem('task_not_live', `the task is ${task.state}`))
    if (verb === 'token') return void say(200, issue(task))
    if (verb === 'presence') return attend(task, response)
    say(404, problem('not_found', 'no such route'))
  }

  function start(wish: Record<string, unknown>) {
    const id = `task_${randomUUID()}`
    const keyThumbprint = String(wish.keyThumbprint)
    const task: FakeTask = {
      id,
      wish,
      keyThumbprint,
      tokens: [],
      root: undefined,
      state: 'live',
      endReason: '',
      present: 0,
      presences: 0,
      drop: [],
    }
    fake.tasks.set(id, task)
    return { task: shown(task), gateway, ...issue(task) }
  }

  function issue(task: FakeTask) {
    const token = `token-${randomUUID()}`
    task.tokens.push(token)
    return { token, tokenExpiresAt: Date.now() + fake.tokenSeconds * 1000 }
  }

  function attend(task: FakeTask, response: ServerResponse): void {
    task.present += 1
    task.presences += 1
    response.writeHead(200, { 'content-type': 'application/jsonl' })
    response.write(`${JSON.stringify({ event: 'attending', task: shown(task) })}\n`)
    task.drop.push(() => void response.end(`${JSON.stringify({ event: 'ended', task: shown(task) })}\n`))
    response.on('close', () => {
      task.present -= 1
    })
  }
}

function shown(task: FakeTask) {
  const scope = { targets: task.wish.targets, actions: task.wish.actions }
  return { id: task.id, owner: 'ada', scope, expiresAt: Date.now() + 900_000, state: task.state, endReason: task.endReason }
}

const shownTarget = {
  ...{ id: 'github', connector: 'github', environment: 'unknown', sensitivity: 'internal', labels: [], privateNetworks: [] },
  hosts: [{ scheme: 'https', host: 'github.com', port: 443 }],
  placement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  placeholderVariables: ['GITHUB_TOKEN', 'GH_TOKEN'],
  plugPoints: [],
}

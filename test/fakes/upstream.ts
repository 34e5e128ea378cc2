import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { openCa } from '../../src/gateway/ca.ts'

/** A system to act on, played by a real HTTPS server with its own CA: a small REST API and a git host, both wanting a key. */
export interface Upstream {
  readonly port: number
  readonly caFile: string
  readonly secret: string
  /** `METHOD path` of every request that arrived with the right key. */
  readonly served: readonly string[]
  /** Open exchanges right now. */
  readonly open: number
  close(): Promise<void>
}

/**
 * Starts it on a free loopback port; everything it keeps is under `directory`. `answer` plays another API than its own, and `isAllowed`
 * another way of showing the key.
 */
export async function startUpstream(
  directory: string,
  secret: string,
  answer: RequestListener = answerIt,
  isAllowed: (request: IncomingMessage, secret: string) => boolean = hasKey,
): Promise<Upstream> {
  mkdirSync(join(directory, 'ca'), { recursive: true, mode: 0o700 })
  const ca = await openCa(join(directory, 'ca'), { now: Date.now })
  const caFile = join(directory, 'upstream-ca.pem')
  writeFileSync(caFile, ca.certificatePem)
  makeRepository(join(directory, 'git'))
  const served: string[] = []
  const sockets = new Set<Duplex>()
  let open = 0
  const server = createHttpsServer(
    {
      SNICallback: (name, done) => {
        ca.contextFor(name).then((context) => done(null, context), done)
      },
    },
    (request, response) => {
      open += 1
      response.on('close', () => (open -= 1))
      if (!isAllowed(request, secret)) return refuse(response)
      served.push(`${request.method} ${request.url}`)
      if (request.url?.startsWith('/git/')) return serveGit(join(directory, 'git'), request, response)
      answer(request, response)
    },
  )
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  return {
    port: (server.address() as AddressInfo).port,
    caFile,
    secret,
    served,
    get open() {
      return open
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((closed) => server.close(closed))
    },
  }
}

/** As a bearer token, or as the password of any user, as git hosts take it. */
function hasKey(request: IncomingMessage, secret: string): boolean {
  const [scheme, given = ''] = (request.headers.authorization ?? '').split(' ', 2)
  if (scheme !== 'Basic') return scheme === 'Bearer' && given === secret
  return (
    Buffer.from(given, 'base64')
      .toString()
      .replace(/^[^:]*:/, '') === secret
  )
}

function refuse(response: ServerResponse): void {
  response.writeHead(401, { 'www-authenticate': 'Basic realm="upstream"', 'content-type': 'text/plain' })
  response.end('a key is wanted\n')
}

function answerIt(request: IncomingMessage, response: ServerResponse): void {
  const path = new URL(request.url ?? '/', 'https://upstream').pathname
  if (path === '/issues') {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify([{ number: 42, title: 'The kettle does not whistle' }]))
  } else if (path === '/echo') {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers }))
  } else if (path === '/endless') {
    endless(response)
  } else if (path === '/upload') {
    let bytes = 0
    request.on('data', (chunk: Buffer) => (bytes += chunk.length))
    request.on('end', () => response.end(JSON.stringify({ bytes })))
  } else {
    response.writeHead(404).end()
  }
}

/** A download that never ends by itself, at a few MB/s. */
function endless(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/octet-stream' })
  const timer = setInterval(() => response.write(Buffer.alloc(65_536, 0x78)), 10)
  response.on('close', () => clearInterval(timer))
}

/** One bare repository, `demo.git`, with one commit on main; pushes are on, so that only policy can refuse them. */
function makeRepository(root: string): void {
  const work = join(root, 'work')
  mkdirSync(work, { recursive: true })
  writeFileSync(join(work, 'README'), 'demo\n')
  const git = (...args: string[]): void => {
    const author = ['-c', 'user.name=demo', '-c', 'user.email=demo@example.com', '-c', 'init.defaultBranch=main']
    const { status, stderr } = spawnSync('git', [...author, ...args], { cwd: work, encoding: 'utf8', env: cleanGitEnv() })
    if (status !== 0) throw new Error(`git ${args[0]}: ${stderr}`)
  }
  git('init', '-q')
  git('add', '.')
  git('commit', '-q', '-m', 'one')
  git('config', 'http.receivepack', 'true')
  git('config', 'core.bare', 'true')
  cpSync(join(work, '.git'), join(root, 'demo.git'), { recursive: true })
}

function cleanGitEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' }
}

/** git's own smart HTTP server as a CGI program. */
function serveGit(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'https://upstream')
  const child = spawn('git', ['http-backend'], {
    env: {
      ...cleanGitEnv(),
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: url.pathname.replace(/^\/git/, ''),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_USER: 'demo',
    },
  })
  request.pipe(child.stdin)
  child.stdin.on('error', () => {})
  let head = Buffer.alloc(0)
  child.stdout.on('data', (chunk: Buffer) => {
    if (response.headersSent) return void response.write(chunk)
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    const lines = head.subarray(0, end).toString('latin1').split('\r\n')
    const headers = Object.fromEntries(lines.map((line) => line.split(': ', 2) as [string, string]))
    response.writeHead(Number.parseInt(headers.Status ?? '200', 10), headers)
    response.write(head.subarray(end + 4))
  })
  child.stdout.on('end', () => response.end())
}

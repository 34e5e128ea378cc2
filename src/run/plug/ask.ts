import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http'
import type { Socket } from 'node:net'
import { Refused } from './plan.ts'

/** A credential for the program to hold, by the names of the plug point, and when it ends (epoch milliseconds). */
export interface Given {
  readonly fields: Readonly<Record<string, string>>
  readonly expiresAt: number
}

/** What is wanted: the plug point, the target, and the repository where one is named. */
export interface Want {
  readonly as: 'git' | 'aws' | 'kubectl' | 'docker'
  readonly target: string
  readonly path?: string
}

/** The name the gateway itself answers to, which only a task's own connections reach it by. */
const OWN_HOST = 'stint.invalid'
const MAX_ANSWER_BYTES = 64 * 1024
const PATIENCE_MS = 60_000

/** Asks Stint by the task's own proxy, whose address is in the environment. Throws Refused. */
export function askByProxy(want: Want, env: NodeJS.ProcessEnv): Promise<Given> {
  const proxy = URL.parse(env.HTTP_PROXY ?? '')
  if (proxy === null) throw new Refused('there is no task here: HTTP_PROXY does not lead to Stint')
  const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  const headers = proxy.username === '' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(user).toString('base64')}` }
  const agent = new Agent() // not the one of the environment, which would put a proxy before the proxy
  return ask(want, { host: proxy.hostname, port: proxy.port || 80, headers, agent })
}

/** Asks Stint on a connection that is attached to the task. Throws Refused. */
export function askOn(socket: Socket, want: Want): Promise<Given> {
  socket.on('error', () => {}) // the request hears of it
  return ask(want, { createConnection: () => socket.resume() })
}

async function ask(want: Want, how: RequestOptions): Promise<Given> {
  const path = `http://${OWN_HOST}/hand-out?${new URLSearchParams({ ...want })}`
  const headers = {
    ...how.headers,
    host: OWN_HOST,
    accept: 'application/problem+json, application/json',
    connection: 'close',
    'content-length': '0',
  }
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const asking = request({ ...how, method: 'POST', path, headers, timeout: PATIENCE_MS }, resolve)
  asking.on('timeout', () => asking.destroy(new Error('timeout')))
  asking.on('error', (cause) => reject(new Refused('Stint does not answer: the task’s run is over', { cause })))
  asking.end()
  const answer = await promise
  const text = await readAll(answer)
  if (answer.statusCode === 200) return JSON.parse(text) as Given // Stint's own writing
  throw new Refused(reasonIn(text) ?? `Stint answered ${answer.statusCode}`)
}

async function readAll(answer: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of answer.setEncoding('utf8')) {
    text += chunk
    if (text.length > MAX_ANSWER_BYTES) throw new Refused('Stint’s answer is too long')
  }
  return text
}

/** The detail of a problem document (RFC 9457), in one line. */
function reasonIn(text: string): string | undefined {
  try {
    const { code, detail } = JSON.parse(text) as { code?: unknown; detail?: unknown }
    return typeof detail === 'string' ? `${detail} (${code})`.replaceAll(/\p{C}/gu, ' ') : undefined
  } catch {
    return undefined
  }
}

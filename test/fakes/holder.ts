import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createClient } from '../../src/cli/client.ts'
import { type DpopKey, generateKey, makeProof } from '../../src/identity/dpop.ts'
import type { Task } from '../../src/model.ts'
import { attach } from '../../src/run/attach.ts'
import type { Installation } from './stint.ts'

/** A program that holds a task's token and the key that it is bound to, and nothing else. */
export interface Holder {
  readonly task: Task
  /** Asks the API as the task. */
  api(method: string, path: string, body?: unknown): Promise<{ status: number; json: Record<string, unknown> }>
  /** The same token and key at another gateway on the same state. */
  at(other: Installation): Holder
  /** Starts a child by its own token. Throws the problem that the API answers. */
  delegate(wish: Readonly<Record<string, unknown>>): Promise<Holder>
  /** Sends one request for `url` through the gateway; the socket carries what comes. */
  send(url: string, method?: string, body?: string): Promise<Socket>
  /** The same, with the whole answer as text. */
  ask(url: string, method?: string, body?: string): Promise<string>
}

/** Starts a task as the operator, and holds it. */
export async function startHolder(stint: Installation, wish: Readonly<Record<string, unknown>>): Promise<Holder> {
  const key = await generateKey()
  const { call } = createClient(() => stint.home)
  return hold(stint, key, await call('POST', '/v1/tasks', { purpose: 'work', ...wish, keyThumbprint: key.thumbprint }))
}

function hold(stint: Installation, key: DpopKey, { task, token }: { task: Task; token: string }): Holder {
  const holder: Holder = {
    task,
    async api(method, path, body) {
      const url = `http://127.0.0.1:${stint.apiPort}${path}`
      const dpop = await makeProof(key, { method, url, token })
      const headers = { authorization: `DPoP ${token}`, dpop, 'content-type': 'application/json' }
      const answer = await fetch(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
      return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
    },
    at: (other) => hold(other, key, { task, token }),
    async delegate(wish) {
      const own = await generateKey()
      const body = { purpose: 'a part of the work', ...wish, keyThumbprint: own.thumbprint }
      const { status, json } = await holder.api('POST', `/v1/tasks/${task.id}/children`, body)
      if (status !== 201) throw new Error(`${status} ${json.code}: ${json.detail}`)
      return hold(stint, own, json as never)
    },
    async send(url, method = 'GET', body = '') {
      const session = {
        task,
        gateway: `127.0.0.1:${stint.gatewayPort}`,
        key: { thumbprint: key.thumbprint, prove: (request: Parameters<typeof makeProof>[1]) => makeProof(key, request) },
        token: () => token,
        renew: async () => undefined,
        end: async () => undefined,
      }
      const socket = (await attach(session)).on('error', () => undefined)
      socket.once('end', () => socket.destroy())
      const { host } = new URL(url)
      socket.write(
        `${method} ${url} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
      return socket
    },
    async ask(url, method, body) {
      const socket = await holder.send(url, method, body)
      let text = ''
      socket.on('data', (chunk) => (text += chunk)).resume()
      await once(socket, 'close')
      return text
    },
  }
  return holder
}

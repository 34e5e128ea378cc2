import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient } from '../../src/cli/client.ts'
import { generateKey, makeProof } from '../../src/identity/dpop.ts'
import type { Task } from '../../src/model.ts'
import { attach } from '../../src/run/attach.ts'
import type { TaskSession } from '../../src/run/task-session.ts'
import { createExchange, requestFor } from './exchange.ts'
import { type Installation, startStint } from './stint.ts'

/** Many small requests through a real Stint, each with a path of its own, so that each can be found in the log. */
export interface Load {
  readonly stint: Installation
  /** Sends until the connection breaks; tells every path that was answered 200. */
  run(answered: (path: string) => void): Promise<void>
  until(condition: () => boolean): Promise<void>
  /** The resources of every allow in the log. */
  recordedPaths(): Promise<ReadonlySet<string>>
  /** The exit status of `stint audit verify`. */
  verifies(): Promise<number>
  close(): Promise<void>
}

const LANES = 8

/** Starts Stint and an HTTP target. The task survives the restarts; its key stays here. */
export async function openLoad(): Promise<Load> {
  const target = createServer((_, response) => response.end('ok'))
  await new Promise<void>((ready) => target.listen(0, '127.0.0.1', ready))
  const { port } = target.address() as AddressInfo
  const stint = await startStint()
  const { call } = createClient(() => stint.home)
  await call('POST', '/v1/targets', {
    ...{ id: 'web', connector: 'http', environment: 'development', sensitivity: 'internal', labels: [] },
    hosts: [{ scheme: 'http', host: '127.0.0.1', port }],
    ...{ privateNetworks: ['127.0.0.0/8'], placement: { kind: 'none' } },
  })
  const key = await generateKey()
  const wish = { purpose: 'survive', targets: ['web'], actions: ['*'], ttlSeconds: 600, keyThumbprint: key.thumbprint }
  const { task } = await call<{ task: Task }>('POST', '/v1/tasks', wish)
  let count = 0
  return {
    stint,
    async run(answered) {
      const session = await sessionOf(task)
      await Promise.all(Array.from({ length: LANES }, () => lane(session, answered)))
    },
    async until(condition) {
      for (let waited = 0; !condition(); waited += 5) {
        if (waited > 30_000) throw new Error('it did not come to that in 30 s')
        await new Promise((next) => setTimeout(next, 5))
      }
    },
    recordedPaths,
    verifies: async () => (await stint.cli(['audit', 'verify'])).code,
    async close() {
      await stint.stop()
      target.closeAllConnections()
      await new Promise((closed) => target.close(closed))
    },
  }

  async function sessionOf(task: Task): Promise<TaskSession> {
    const { token } = await call<{ token: string }>('POST', `/v1/tasks/${task.id}/token`, {})
    const prove = (request: { method: string; url: string; token: string }): Promise<string> => makeProof(key, request)
    return {
      task,
      gateway: `127.0.0.1:${stint.gatewayPort}`,
      key: { thumbprint: key.thumbprint, prove },
      token: () => token,
      renew: async () => undefined,
      end: async () => undefined,
    }
  }

  async function lane(session: TaskSession, answered: (path: string) => void): Promise<void> {
    const socket = (await attach(session)).resume()
    socket.on('end', () => socket.destroy())
    const exchange = createExchange(socket)
    try {
      for (;;) {
        count += 1
        const path = `/${count}`
        const status = await exchange(requestFor(`http://127.0.0.1:${port}${path}`))
        if (status !== 200) throw new Error(`answered ${status}`)
        answered(path)
      }
    } catch {
      socket.destroy() // the server was killed: this lane is over
    }
  }

  async function recordedPaths(): Promise<ReadonlySet<string>> {
    const paths = new Set<string>()
    let cursor: string | undefined
    do {
      const query = `limit=500&effect=allow${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
      const page = await call<{ items: { resource: string }[]; next?: string }>('GET', `/v1/audit/entries?${query}`)
      for (const { resource } of page.items) paths.add(resource)
      cursor = page.next
    } while (cursor !== undefined)
    return paths
  }
}

import { randomUUID } from 'node:crypto'
import type { Injection } from '../credentials/connector.ts'
import type { HttpAnswer, HttpRequest, Io } from '../credentials/minting.ts'
import { StintError } from '../errors.ts'
import type { Program } from '../model.ts'
import { type ProgramServers, tenantOf } from './program-route.ts'

/** Programs may have to be fetched before they start. */
const TIMEOUT_MS = 60_000
const MAX_CHARACTERS = 1024 * 1024

/** The way of Stint itself to a target that is a program: one of its own, apart from those of tasks. Nothing can be dialled. */
export function createProgramIo(
  servers: ProgramServers,
  { targetId, program, injections }: { targetId: string; program: Program; injections: readonly Injection[] },
  now: () => number,
): Io {
  const tenant = tenantOf(program, { taskId: `stint-${randomUUID()}`, targetId, injections })
  const refuse = () => Promise.reject(new StintError('internal', 'a program is not dialled'))
  return {
    now,
    connect: refuse,
    secure: refuse,
    exchange: ({ method, headers = {}, body = '' }: HttpRequest) =>
      new Promise<HttpAnswer>((done, fail) => {
        let found: Omit<HttpAnswer, 'body'> | undefined
        let text = ''
        const give = (error: StintError): void => {
          clearTimeout(timer)
          fail(error)
        }
        const request = {
          method,
          headers: { ...headers },
          body: typeof body === 'string' ? body : Buffer.from(body).toString('utf8'),
        }
        const timer = setTimeout(() => {
          exchange.abort()
          give(new StintError('upstream_timeout', 'the target’s program did not answer in time'))
        }, TIMEOUT_MS)
        const exchange = servers.exchange(tenant, request, {
          start(status, fields) {
            found = { status, headers: { ...fields } }
          },
          data(more) {
            text += more
            if (text.length > MAX_CHARACTERS) give(new StintError('upstream_failed', 'it answered more than 1 MiB'))
          },
          end() {
            clearTimeout(timer)
            if (found !== undefined) done({ ...found, body: Buffer.from(text) })
          },
          fail: give,
        })
      }),
  }
}

import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Injection } from '../credentials/connector.ts'
import type { Lease } from '../credentials/lease.ts'
import { StintError } from '../errors.ts'
import type { Program } from '../model.ts'
import type { Route } from './pools.ts'
import { createScrubber } from './scrub.ts'

/** programs/: the targets that are programs which Stint starts. */
export interface ProgramServers {
  exchange(tenant: ProgramTenant, request: ProgramRequest, answer: ProgramAnswer): ProgramExchange
}

export interface ProgramTenant {
  readonly taskId: string
  readonly targetId: string
  readonly program: Program
  readonly secrets: Readonly<Record<string, string>>
  mask(text: string): string
}

interface ProgramRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface ProgramAnswer {
  start(status: number, headers: Readonly<Record<string, string>>): void
  data(text: string): void
  end(): void
  fail(error: StintError): void
}

interface ProgramExchange {
  abort(): void
  pause(): void
  resume(): void
}

/** Who the program is for, with the credential where the lease puts it. */
export function tenantOf(
  program: Program,
  { taskId, targetId, injections }: Pick<Lease, 'taskId' | 'targetId' | 'injections'>,
): ProgramTenant {
  const { text: mask } = createScrubber(injections.map(({ value }) => value))
  return { taskId, targetId, program, secrets: secretsIn(injections), mask }
}

function secretsIn(injections: readonly Injection[]): Record<string, string> {
  return Object.fromEntries(injections.flatMap((one) => (one.kind === 'env' ? [[one.name, one.value.reveal()]] : [])))
}

/** The way to a program: nothing is dialled. */
export function createProgramRoute(servers: ProgramServers, tenant: ProgramTenant): Route {
  return {
    dispatch: (options, handler) => void dispatch(servers, tenant, options, handler),
    leave: () => undefined,
  }
}

async function dispatch(
  servers: ProgramServers,
  tenant: ProgramTenant,
  { method, headers, body }: Dispatcher.DispatchOptions,
  handler: Dispatcher.DispatchHandler,
): Promise<void> {
  const controller = new Controller()
  handler.onRequestStart?.(controller, undefined)
  try {
    const text = await textOf(body as Readable | null)
    if (controller.aborted) return
    const request = { method, headers: fieldsOf(headers as readonly string[]), body: text }
    controller.carry(servers.exchange(tenant, request, answerTo(handler, controller)))
  } catch (thrown) {
    handler.onResponseError?.(controller, thrown instanceof Error ? thrown : new Error(String(thrown)))
  }
}

/** What the reader of the answer throws breaks the answer off, as undici does. */
function answerTo(handler: Dispatcher.DispatchHandler, controller: Controller): ProgramAnswer {
  const hand = (work: () => void): void => {
    if (controller.aborted) return
    try {
      work()
    } catch (thrown) {
      controller.abort(thrown instanceof Error ? thrown : new Error(String(thrown)))
      handler.onResponseError?.(controller, controller.reason ?? new Error('broken off'))
    }
  }
  return {
    start: (status, headers) => hand(() => handler.onResponseStart?.(controller, status, { ...headers })),
    data: (text) => hand(() => handler.onResponseData?.(controller, Buffer.from(text))),
    end: () => hand(() => handler.onResponseEnd?.(controller, {})),
    fail: (error) => hand(() => handler.onResponseError?.(controller, error)),
  }
}

/** What the forwarding side holds of an exchange. */
class Controller implements Dispatcher.DispatchController {
  aborted = false
  paused = false
  reason: Error | null = null
  rawHeaders = null
  rawTrailers = null
  #exchange: ProgramExchange | undefined

  carry(exchange: ProgramExchange): void {
    this.#exchange = exchange
    if (this.aborted) exchange.abort()
    else if (this.paused) exchange.pause()
  }

  abort(reason: Error): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.#exchange?.abort()
  }

  pause(): void {
    this.paused = true
    this.#exchange?.pause()
  }

  resume(): void {
    this.paused = false
    this.#exchange?.resume()
  }
}

/** The whole of it: its connector has read it whole, and has bounded it. */
async function textOf(body: Readable | null): Promise<string> {
  if (body === null) return ''
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function fieldsOf(flat: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {}
  for (let at = 0; at + 1 < flat.length; at += 2) fields[flat[at] ?? ''] = flat[at + 1] ?? ''
  return fields
}

/** A gateway that starts no programs. */
export const NO_PROGRAMS: ProgramServers = {
  exchange(_tenant, _request, answer) {
    answer.fail(new StintError('upstream_failed', 'this gateway starts no programs'))
    return { abort: () => undefined, pause: () => undefined, resume: () => undefined }
  },
}

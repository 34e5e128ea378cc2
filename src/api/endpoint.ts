import { z } from 'zod'
import { StintError } from '../errors.ts'
import type { Caller } from '../model.ts'
import type { ApiVerbs } from './verbs.ts'

/** What the server knows of itself. */
export interface Site {
  /** The `iss` of task tokens. */
  readonly issuer: string
  /** The OpenAPI document of the routes. */
  describe(): Readonly<Record<string, unknown>>
}

/** Who asks, under which correlation id, and until when. */
export interface Asking {
  /** Absent on public rows only. */
  readonly caller: Caller | undefined
  readonly correlationId: string
  readonly site: Site
  /** Aborts when the client is gone or the server closes; the reason is `SERVER_CLOSING` then. */
  readonly signal: AbortSignal
}

/** The abort reason of a shutdown, told from a client that went away. */
export const SERVER_CLOSING = Symbol('the server is closing')

/** What a request does and how its parts must look, apart from where it is mounted and who may ask. */
export interface Endpoint<
  P extends z.ZodObject = z.ZodObject,
  Q extends z.ZodObject = z.ZodObject,
  B extends z.ZodObject = z.ZodObject,
  R extends z.ZodType = z.ZodType,
> {
  readonly summary: string
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly response: R
  /** `stream` answers JSON lines, or server-sent events when the client accepts those. */
  readonly produces: 'application/json' | 'stream' | `${string}/${string}`
  readonly status: 200 | 201
  /** Where the answer itself tells the status. */
  readonly statusOf?: (response: z.output<R>) => number
  /** Fields too sensitive or short-lived to keep for a repeated Idempotency-Key, and how the answer is made whole again. */
  readonly reissue?: {
    readonly fields: readonly string[]
    again(verbs: ApiVerbs, stored: unknown, input: Input<P, Q, B>): Promise<unknown>
  }
  handle(verbs: ApiVerbs, input: Input<P, Q, B>, asking: Asking): unknown
}

export interface Input<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly params: z.output<P>
  readonly query: z.output<Q>
  readonly body: z.output<B>
}

const NOTHING = z.strictObject({})

type Given<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodObject, R extends z.ZodType> = Partial<
  Omit<Endpoint<P, Q, B, R>, 'handle' | 'summary' | 'response'>
> & {
  readonly summary: string
  readonly response: R
  handle(
    verbs: ApiVerbs,
    input: Input<P, Q, B>,
    asking: Asking,
  ): z.input<R> | Promise<z.input<R>> | AsyncIterable<z.input<R>> | Promise<AsyncIterable<z.input<R>>>
}

/** An endpoint whose absent parts take nothing, so that unknown keys are refused everywhere. */
export function endpoint<
  R extends z.ZodType,
  P extends z.ZodObject = typeof NOTHING,
  Q extends z.ZodObject = typeof NOTHING,
  B extends z.ZodObject = typeof NOTHING,
>(given: Given<P, Q, B, R>): Endpoint {
  const base = { params: NOTHING, query: NOTHING, body: NOTHING, produces: 'application/json', status: 200 } as const
  return { ...base, ...given } as Endpoint
}

/** The caller of a row that is not public. Throws `unauthenticated`, should there ever be none. */
export function callerOf(asking: Asking): Caller {
  if (asking.caller !== undefined) return asking.caller
  throw new StintError('unauthenticated', 'this needs a proved caller')
}

import { createHash, createHmac } from 'node:crypto'
import { StintError } from '../errors.ts'
import type { IdempotencyKey, IdempotencyVerbs } from './verbs.ts'

/** A request that may be sent twice but is carried out once. */
export interface Repeatable {
  /** The raw header. Attacker-controlled. */
  readonly header: string
  readonly callerId: string
  /** `POST /v1/tasks` with its query. */
  readonly line: string
  /** The raw body, exactly as sent. */
  readonly body: string
  execute(): Promise<unknown>
  /** Makes what was kept whole again. */
  again(kept: unknown): Promise<unknown>
  /** What to keep of an answer. */
  keep(answer: unknown): unknown
}

/**
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): one execution for a key and caller, also for requests at the same
 * time and after a restart. Another request under the key is `idempotency_mismatch`; one that was cut off by a crash is `conflict`.
 */
export function createOnce(verbs: IdempotencyVerbs): (request: Repeatable) => Promise<unknown> {
  const running = new Map<string, { readonly digest: string; readonly answer: Promise<unknown> }>()
  return (request) => {
    const { key, digest } = identify(request)
    const name = `${key.caller}\n${key.key}`
    const now = running.get(name)
    if (now !== undefined) return now.digest === digest ? now.answer : Promise.reject(mismatch())
    const answer = claimAndRun(verbs, key, digest, request).finally(() => running.delete(name))
    running.set(name, { digest, answer })
    return answer
  }
}

async function claimAndRun(verbs: IdempotencyVerbs, key: IdempotencyKey, digest: string, request: Repeatable): Promise<unknown> {
  const held = await verbs.claim(key, digest)
  if (held === undefined) return run(verbs, key, request)
  if (held.digest !== digest) throw mismatch()
  if (held.responseJson === undefined)
    throw new StintError(
      'conflict',
      'the request first sent with this Idempotency-Key never finished: look at the state, then use a new key',
    )
  return request.again(JSON.parse(held.responseJson))
}

/** A failure that is understood had no effect, so its key is free again; after any other the key stays taken. */
async function run(verbs: IdempotencyVerbs, key: IdempotencyKey, request: Repeatable): Promise<unknown> {
  let answer: unknown
  try {
    answer = await request.execute()
  } catch (thrown) {
    if (thrown instanceof StintError && thrown.code !== 'internal') await verbs.release(key)
    throw thrown
  }
  await verbs.finish(key, JSON.stringify(request.keep(answer)))
  return answer
}

/** The digest is keyed with the client's own key, which is not kept, so that a kept digest tells nothing about a secret in a body. */
function identify({ header, callerId, line, body }: Repeatable): { key: IdempotencyKey; digest: string } {
  const raw = parseKey(header)
  const digest = createHmac('sha256', raw).update(`${line}\n`).update(body).digest('hex')
  return { key: { key: createHash('sha256').update(raw).digest('hex'), caller: callerId }, digest }
}

/** An RFC 8941 string, as the draft has it, or the bare text that most clients send. */
function parseKey(header: string): string {
  const key = /^"([^"\\]+)"$/.exec(header)?.[1] ?? header
  if (/^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/.test(key)) return key
  throw new StintError('malformed_request', 'Idempotency-Key takes 1 to 255 visible characters')
}

function mismatch(): StintError {
  return new StintError('idempotency_mismatch', 'this Idempotency-Key was used for a different request')
}

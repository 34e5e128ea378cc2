import { Secret, SHORTEST_SECRET_BYTES } from '../../secret.ts'
import type { HttpAnswer } from '../minting.ts'
import { failure } from '../protocols/provider-answer.ts'
import { CARRIED } from './fill-request.ts'
import { pointAt } from './json-pointer.ts'
import { REFUSED, type Recipe, WORKS } from './recipe.ts'

/** A request’s header section is 16 KiB at most with most servers; a key takes no more than half of it. */
const LONGEST_KEY = 8192
const LONGEST_ID = 512
/** The target’s own word that it did nothing (RFC 9110, section 15.5). What may pass by itself is not here. */
const FINAL = [400, 401, 403, 404, 405, 409, 410, 415, 422]

/** A key that was made. */
export interface Made {
  readonly value: Secret
  readonly id?: string
}

/** What became of asking for a key. Attacker-controlled. `unclear`: there may be one. */
export type Making =
  | { readonly kind: 'made'; readonly made: Made }
  | { readonly kind: 'refused' | 'busy' | 'unclear'; readonly why: string }

/** The key in use. */
export interface InUse {
  readonly value: Secret
  readonly id?: string | undefined
}

/** Reads the answer to `make`. What is in use is not taken for a new key, by its value or its id: to undo that would end it. */
export function readMaking(answer: HttpAnswer, make: Recipe['make'], inUse: InUse): Making {
  const { status } = answer
  const said = `the target answered ${status}`
  if (status === 429) return { kind: 'busy', why: said }
  if (FINAL.includes(status) && answer.headers['retry-after'] === undefined) return { kind: 'refused', why: said }
  if (!isSuccess(answer)) return { kind: 'unclear', why: said }
  const json = parse(answer)
  const value = pointAt(json, make.new)
  if (typeof value !== 'string' || !isKey(value) || value === inUse.value.reveal())
    return { kind: 'unclear', why: `${said}, and at ${make.new} there is no new key` }
  const id = make.id === undefined ? undefined : readId(pointAt(json, make.id))
  if (make.id !== undefined && (id === undefined || id === inUse.id))
    return { kind: 'unclear', why: `${said}, and at ${make.id} there is no new id` }
  return { kind: 'made', made: { value: new Secret(value), ...(id !== undefined && { id }) } }
}

/** Ids of the keys whose name has the rotation’s id in it. Throws `upstream_failed` for an answer that is not the whole list. */
export function readFound(answer: HttpAnswer, find: NonNullable<Recipe['find']>, rotation: string): readonly string[] {
  const keys = isSuccess(answer) ? pointAt(parse(answer), find.keys) : undefined
  if (!Array.isArray(keys)) throw failure(answer, 'the target, asked for its keys,')
  return keys.flatMap((key) => {
    const name = pointAt(key, find.name)
    if (typeof name !== 'string' || !name.includes(rotation)) return []
    const id = readId(pointAt(key, find.id))
    if (id === undefined) throw failure(answer, 'the target listed a key without an id and')
    return [id]
  })
}

/** What the answer to `probe` says of the key. Throws `upstream_failed` where it says nothing: a failure refuses nothing. */
export function readProbe(answer: HttpAnswer, { works = WORKS, refused = REFUSED }: Recipe['probe']): 'live' | 'refused' {
  if (works.includes(answer.status)) return 'live'
  const isBusy = answer.headers['retry-after'] !== undefined || answer.headers['x-ratelimit-remaining'] === '0'
  if (refused.includes(answer.status) && !isBusy) return 'refused'
  throw failure(answer, 'the target, asked whether the key works,')
}

/** Returns when the key may be gone, which a probe then tells: who may not ask any more may be it. Throws `upstream_failed`. */
export function readRetiring(answer: HttpAnswer, { refused = REFUSED }: Recipe['probe']): void {
  if (isSuccess(answer) || [404, 410, ...refused].includes(answer.status)) return
  throw failure(answer, 'the target, asked to end a key,')
}

function isSuccess({ status }: HttpAnswer): boolean {
  return status >= 200 && status < 300
}

function isKey(text: string): boolean {
  return text.length >= SHORTEST_SECRET_BYTES && text.length <= LONGEST_KEY && CARRIED.test(text)
}

function readId(value: unknown): string | undefined {
  if (Number.isSafeInteger(value)) return String(value)
  return typeof value === 'string' && value.length <= LONGEST_ID && CARRIED.test(value) ? value : undefined
}

function parse({ body }: HttpAnswer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return undefined
  }
}

import { StintError } from '../../errors.ts'
import type { Operation } from '../../model.ts'
import { bodyType, isCoded } from './body-type.ts'
import { isRefName } from './git.ts'
import type { Said } from './github-endpoints.ts'
import { readJsonObject } from './json-object.ts'

/** Bytes of a body that are read for what it says of its target: a file of about 190 KB, in base64. */
export const SAID_PREFIX = 262_144
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json$/
const FORM_TYPES = ['', 'application/x-www-form-urlencoded']

/** Parameters of an action: `refs` are whole names, and at most one text stands beside them. */
export interface SaidFacts {
  readonly refs?: readonly string[]
  readonly ref?: string
  readonly org?: string
}

/**
 * What a body says of its target, as parameters. Throws `unknown_action` for a body that does not say it in a way that means the same to
 * everyone, and `body_too_large` for one that goes on beyond what is read.
 */
export function readSaid(operation: Operation, said: Said): SaidFacts {
  const { query, body = new Uint8Array() } = operation
  if (query !== '') throw unknown('it has a query as well')
  if (isCoded(operation)) throw unknown('it is compressed')
  if (body.length >= SAID_PREFIX)
    throw new StintError('body_too_large', 'the body is larger than what is read to decide; push large files with git')
  if (body.length === 0 && said.optional) return {}
  checkType(bodyType(operation), body)
  const request = readJsonObject(body, unknown)
  const value = Object.hasOwn(request, said.member) ? request[said.member] : undefined
  if ((value === undefined || value === null) && said.optional) return {}
  if (typeof value !== 'string' || value === '') throw unknown(`it names no \`${said.member}\``)
  return named(said, value)
}

/** GitHub reads JSON whatever its type says, and its own examples say form; as a form, such a body must have nothing to say. */
function checkType(type: string | undefined, body: Uint8Array): void {
  const isJson = type !== undefined && JSON_TYPE.test(type)
  const isOneName = !body.includes(0x26) && !body.includes(0x3b)
  if (!isJson && !(type !== undefined && FORM_TYPES.includes(type) && isOneName))
    throw unknown('it is not of type application/json')
}

function named({ as, member }: Said, value: string): SaidFacts {
  const ref = NAMES[as](value)
  if (!isRefName(ref)) throw unknown(`its \`${member}\` is not a plain name`)
  if (as === 'org') return { org: value.toLowerCase() }
  return as === 'revision' ? { ref: value } : { refs: [ref] }
}

/** What a value must be the whole name of, to be taken. A branch may be given with its prefix; any other prefix is a riddle. */
const NAMES: Readonly<Record<Said['as'], (value: string) => string>> = {
  ref: (value) => value,
  branch: (value) => plain('refs/heads/', value),
  tag: (value) => plain('refs/tags/', value),
  revision: (value) => (value.startsWith('refs/') ? value : `refs/${value}`),
  org: (value) => (value.includes('/') ? '' : `refs/${value}`),
}

function plain(prefix: string, value: string): string {
  const name = value.startsWith(prefix) ? value.slice(prefix.length) : value
  return /^(?:refs|heads|tags)\//.test(name) ? '' : prefix + name
}

function unknown(why: string): StintError {
  return new StintError('unknown_action', `what the request touches is in its body, which is not understood: ${why}`)
}

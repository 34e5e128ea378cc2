import { StintError } from '../../errors.ts'
import { readJsonObject } from './json-object.ts'

/** The one operation of a GraphQL request. `fields` are the root fields of a mutation, by their names and not their aliases. */
export type GraphqlOperation = { readonly kind: 'query' } | { readonly kind: 'mutation'; readonly fields: readonly string[] }

/** GraphQL, section 2.1: what is ignored, then one token. */
const IGNORED = /(?:[ \t\r\n,\uFEFF]|#[^\n\r]*)*/y
const TOKEN =
  /"""(?:\\"""|(?!\\?""")[\s\S])*"""|"(?:\\.|[^"\\\n\r])*"|[_A-Za-z][_0-9A-Za-z]*|-?[0-9][0-9.eE+-]*|\.\.\.|[!$&()[\]:=@{|}]/y
const NAME = /^[_A-Za-z]/
const OPEN = new Set(['{', '(', '['])
const CLOSE = new Set(['}', ')', ']'])

/**
 * Reads a GraphQL-over-HTTP request body. Attacker-controlled. `isCut` says that more body follows than was read. Throws
 * `body_too_large`, or `unknown_action` for whatever two servers could read differently: several operations, keys given twice,
 * a mutation that hides its fields in fragments.
 */
export function readGraphql(body: Uint8Array, isCut: boolean): GraphqlOperation {
  if (isCut) throw new StintError('body_too_large', 'the GraphQL request is larger than what is read to decide')
  const tokens = tokensOf(documentOf(body))
  const operations = definitionsOf(tokens).filter(({ kind }) => kind !== 'fragment')
  const [operation] = operations
  if (operation === undefined || operations.length > 1) throw unknown('it holds none or several operations')
  const { kind, selection } = operation
  if (kind === '{' || kind === 'query') return { kind: 'query' }
  if (kind === 'mutation') return { kind, fields: fieldsOf(selection) }
  throw unknown('it is neither a query nor a mutation')
}

/** Beside the text nothing that could say what to run instead of it, such as the id of a stored query. */
const KEYS = ['query', 'variables', 'operationName']

function documentOf(body: Uint8Array): string {
  const request = readJsonObject(body, unknown)
  if (Object.keys(request).some((key) => !KEYS.includes(key))) throw unknown('it has a key that GraphQL over HTTP does not name')
  if (!Object.hasOwn(request, 'query') || typeof request.query !== 'string') throw unknown('it has no query text')
  return request.query
}

function tokensOf(document: string): string[] {
  const tokens: string[] = []
  for (let at = skip(document, 0); at < document.length; ) {
    TOKEN.lastIndex = at
    const [token] = TOKEN.exec(document) ?? []
    if (token === undefined) throw unknown('the query has a character that GraphQL does not')
    tokens.push(token)
    at = skip(document, at + token.length)
  }
  return tokens
}

function skip(document: string, at: number): number {
  IGNORED.lastIndex = at
  return at + (IGNORED.exec(document)?.[0].length ?? 0)
}

interface Definition {
  /** Its first token. */
  readonly kind: string
  /** What is between the braces of its selection set. */
  readonly selection: readonly string[]
}

function definitionsOf(tokens: readonly string[]): Definition[] {
  const definitions: Definition[] = []
  let start = 0
  for (let at = 0; at < tokens.length; ) {
    const next = afterGroup(tokens, at)
    if (tokens[at] === '{') {
      definitions.push({ kind: tokens[start] ?? '', selection: tokens.slice(at + 1, next - 1) })
      start = next
    }
    at = next
  }
  if (start !== tokens.length) throw unknown('the query ends early')
  return definitions
}

/** The names of the fields at the top of a selection: `[alias :] name [arguments] [@directives] [{…}]`, repeated. */
function fieldsOf(selection: readonly string[]): string[] {
  const fields: string[] = []
  for (let at = 0; at < selection.length; ) {
    const nameAt = selection[at + 1] === ':' ? at + 2 : at
    const name = selection[nameAt] ?? ''
    if (!NAME.test(name) || !NAME.test(selection[at] ?? '')) throw unknown('the fields of the mutation are not plain')
    fields.push(name)
    at = afterField(selection, nameAt + 1)
  }
  if (fields.length === 0) throw unknown('the mutation has no field')
  return fields
}

function afterField(tokens: readonly string[], from: number): number {
  let at = from
  for (;;) {
    if (tokens[at] === '@') at += 2
    else if (tokens[at] === '(' || tokens[at] === '{') at = afterGroup(tokens, at)
    else return at
  }
}

/** The place after the token at `at`, or after the whole group that it opens. */
function afterGroup(tokens: readonly string[], at: number): number {
  let depth = 0
  for (let next = at; next < tokens.length; next++) {
    const token = tokens[next] ?? ''
    if (OPEN.has(token)) depth += 1
    if (CLOSE.has(token)) depth -= 1
    if (depth < 0) throw unknown('a bracket is closed that was not opened')
    if (depth === 0) return next + 1
  }
  throw unknown('a bracket is not closed')
}

function unknown(why: string): StintError {
  return new StintError('unknown_action', `the GraphQL request is not understood: ${why}`)
}

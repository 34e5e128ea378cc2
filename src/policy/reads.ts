import type { CedarValue } from '../model.ts'
import type { PolicyJson } from './cedar.ts'

/** Which attributes of a record are read: all of them, or these, each with what is read of it in turn. */
export type ReadTree = 'all' | Map<string, ReadTree>

/** The inputs that a policy's conditions read. What is not here cannot change the answer once the scope matched. */
export interface Reads {
  readonly context: ReadTree
  /** Which principal, action or resource it is. */
  readonly identity: boolean
  /** What these are in; then identity is read too. */
  readonly groups: boolean
}

/** Walks the conditions. What it does not know reads everything. */
export function readsOf(conditions: PolicyJson['conditions'], isWord: (entityType: string) => boolean): Reads {
  const reads = { context: new Map() as ReadTree, identity: false, groups: false }
  const walk = (node: unknown): void => {
    const [[name, body] = [], ...others] = isObject(node) ? Object.entries(node) : []
    const path = contextPath(node)
    if (name === undefined || others.length > 0) readAll()
    else if (path !== undefined) reads.context = withPath(reads.context, path)
    else if (isIdentityTest(name, body)) reads.identity = true
    else if (name === 'Value' ? namesEntities(body, isWord) : name === 'Var') readGroups()
    else if (name !== 'Value') walkParts(name, body)
  }
  const walkParts = (name: string, body: unknown): void => {
    if (Array.isArray(body)) for (const one of body) walk(one)
    else if (name === 'Record' && isObject(body)) for (const one of Object.values(body)) walk(one)
    else if (isObject(body) && Object.keys(body).every((part) => KNOWN_PARTS.has(part))) {
      for (const [part, one] of Object.entries(body)) if (EXPRESSION_PARTS.has(part)) walk(one)
    } else readAll()
  }
  const readGroups = (): void => {
    reads.identity = true
    reads.groups = true
  }
  const readAll = (): void => {
    reads.context = 'all'
    readGroups()
  }
  for (const { body } of conditions) walk(body)
  return reads
}

const EXPRESSION_PARTS: ReadonlySet<string> = new Set(['left', 'right', 'arg', 'if', 'then', 'else', 'in'])
const KNOWN_PARTS: ReadonlySet<string> = new Set([...EXPRESSION_PARTS, 'attr', 'pattern', 'entity_type'])

/** `principal == Workload::"x"` and the like: no group can change its answer. */
function isIdentityTest(operator: string, body: unknown): boolean {
  return (operator === '==' || operator === '!=') && isObject(body) && isNamed(body.left) && isNamed(body.right)
}

function isNamed(node: unknown): boolean {
  if (!isObject(node)) return false
  return typeof node.Var === 'string' ? node.Var !== 'context' : isObject(node.Value) && isObject(node.Value.__entity)
}

/** `context.a.b` and `context.a has b` as ['a', 'b']; `context` alone as []; else undefined. */
function contextPath(node: unknown): readonly string[] | undefined {
  if (!isObject(node)) return undefined
  if (node.Var === 'context') return []
  const access = node['.'] ?? node.has
  if (!isObject(access)) return undefined
  const attribute = Array.isArray(access.attr) ? access.attr[0] : access.attr
  const left = contextPath(access.left)
  return left === undefined || typeof attribute !== 'string' ? undefined : [...left, attribute]
}

function withPath(tree: ReadTree, path: readonly string[]): ReadTree {
  const [first, ...rest] = path
  if (tree === 'all' || first === undefined) return 'all'
  return new Map(tree).set(first, withPath(tree.get(first) ?? new Map(), rest))
}

/** True for a literal of an entity that a request might bring along; words of the schema are never among those. */
function namesEntities(value: unknown, isWord: (entityType: string) => boolean): boolean {
  if (!isObject(value)) return false
  const entity = value.__entity
  if (isObject(entity)) return !isWord(String(entity.type))
  return Object.values(value).some((one) => namesEntities(one, isWord))
}

/** What either reads. */
export function joinReads(all: readonly Reads[]): Reads {
  return {
    context: all.reduce<ReadTree>((tree, { context }) => joinTrees(tree, context), new Map()),
    identity: all.some(({ identity }) => identity),
    groups: all.some(({ groups }) => groups),
  }
}

function joinTrees(a: ReadTree, b: ReadTree): ReadTree {
  if (a === 'all' || b === 'all') return 'all'
  const joined = new Map(a)
  for (const [name, tree] of b) joined.set(name, joinTrees(joined.get(name) ?? new Map(), tree))
  return joined
}

/** The part of a value that is read. A value that is no record is kept whole: reading into it fails as it would have. */
export function project(value: CedarValue, tree: ReadTree): CedarValue {
  if (tree === 'all' || !isRecord(value)) return value
  const part: Record<string, CedarValue> = Object.create(null)
  for (const [name, below] of tree) {
    const member = Object.hasOwn(value, name) ? value[name] : undefined
    if (member !== undefined) part[name] = project(member, below)
  }
  return part
}

/**
 * The same part as a text, equal for equal parts and for no others: every value says its kind, texts their length, lists and
 * whole records their size; a member of a partly read record stands in the tree's order, or is marked as missing.
 */
export function fingerprint(value: CedarValue | undefined, tree: ReadTree): string {
  if (value === undefined) return '-'
  if (typeof value === 'string') return `"${value.length} ${value}`
  if (typeof value !== 'object') return `${value};`
  if (isList(value)) return `[${value.length} ${value.map((one) => fingerprint(one, 'all')).join('')}`
  if (tree === 'all' || !isRecord(value)) return wholeRecord(value)
  let text = '{'
  for (const [name, below] of tree) text += fingerprint(Object.hasOwn(value, name) ? value[name] : undefined, below)
  return text
}

function wholeRecord(value: { readonly [key: string]: CedarValue }): string {
  const members = Object.entries(value)
  return `<${members.length} ${members.map(([name, member]) => fingerprint(name, 'all') + fingerprint(member, 'all')).join('')}`
}

function isList(value: CedarValue): value is readonly CedarValue[] {
  return Array.isArray(value)
}

function isRecord(value: CedarValue): value is { readonly [key: string]: CedarValue } {
  return isObject(value) && !Array.isArray(value) && !Object.hasOwn(value, '__entity') && !Object.hasOwn(value, '__extn')
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { AuthzRequest } from '../model.ts'
import { type CedarProblem, type PolicyJson, parsePolicy, parseSchema } from './cedar.ts'
import { checkAnnotations, type Obligations, readObligations } from './obligations.ts'
import { compileShape } from './shape.ts'
import { fromBytes, type Piece, placeOf, splitPolicies } from './split.ts'
import { type Invalid, validateAgainst } from './validate.ts'

/** A file of policies as read, its lines ending in `\n`. */
export interface PolicyFile {
  readonly name: string
  readonly text: string
}

/** Something wrong, and where: line and column from 1. */
export interface PolicyProblem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

/** A problem on one line, as editors and terminals know it: `write.cedar:12:8: ...`. */
export function sayProblem({ file, line, column, message }: PolicyProblem): string {
  return `${file}:${line}:${column}: ${message}`
}

/** One policy, ready to be asked. */
export interface Policy {
  readonly id: string
  readonly position: number
  readonly file: string
  readonly line: number
  readonly json: PolicyJson
  /** Its `@reason`, or a sentence with its id. */
  readonly reason: string
  readonly obligations: Obligations
}

/** A valid set. `hash` names exactly this set: SHA-256, hex, over the schema and the files by name. */
export interface PolicySet {
  readonly hash: string
  readonly policies: readonly Policy[]
  /** Why a request is not one the schema describes, or undefined. */
  misfit(request: AuthzRequest): string | undefined
  /** True for the enumerated entity types. */
  isWord(entityType: string): boolean
}

/** The schema this version of Stint asks by; it comes with the package and is never read from elsewhere. */
export const SCHEMA_FILE = new URL('../../policies/schema.cedarschema', import.meta.url)

/** The schema's text. */
export const schemaText = readFileSync(SCHEMA_FILE, 'utf8')
const schema = parseSchema(schemaText)
const misfit = compileShape(schema)
const entityTypes = new Map(Object.entries(schema['']?.entityTypes ?? {}))

/** Policies parsed between two turns of the event loop: about 10 ms, for a large set must not hold up traffic. */
const BATCH = 20

interface Parsed {
  readonly file: PolicyFile
  readonly piece: Piece
  readonly json: PolicyJson
}

/** Parses and checks the files against the schema: the set, or everything that is wrong with it. */
export async function makePolicySet(
  files: readonly PolicyFile[],
): Promise<PolicySet | { readonly problems: readonly PolicyProblem[] }> {
  const problems: PolicyProblem[] = []
  const parsed: Parsed[] = []
  for (const file of files) {
    if (file.text.trim() === '') problems.push({ file: file.name, line: 1, column: 1, message: 'the file is empty; delete it' })
    for (const [number, piece] of splitPolicies(file.text).entries()) {
      if (number % BATCH === 0) await setImmediate()
      parseInto(parsed, problems, file, piece)
    }
  }
  problems.push(...parsed.flatMap(checkOne), ...findDoubles(parsed))
  for (let from = 0; from < parsed.length; from += BATCH) {
    await setImmediate()
    problems.push(...validateBatch(parsed.slice(from, from + BATCH)))
  }
  if (problems.length > 0) return { problems }
  return { hash: hashOf(files), policies: parsed.map(asPolicy), misfit, isWord }
}

function isWord(entityType: string): boolean {
  const kind = entityTypes.get(entityType)
  return kind !== undefined && 'enum' in kind
}

function parseInto(parsed: Parsed[], problems: PolicyProblem[], file: PolicyFile, piece: Piece): void {
  const answer = parsePolicy(piece.text)
  if ('json' in answer) parsed.push({ file, piece, json: answer.json })
  else problems.push(...answer.problems.map((problem) => locate({ file, piece }, problem)))
}

function checkOne({ file, piece, json }: Parsed): PolicyProblem[] {
  return checkAnnotations(json.annotations ?? {}, json.effect).map((message) => locate({ file, piece }, { message, start: 0 }))
}

function findDoubles(parsed: readonly Parsed[]): PolicyProblem[] {
  const first = new Map<string, Parsed>()
  return parsed.flatMap((one) => {
    const id = one.json.annotations?.id
    const other = id === undefined ? undefined : first.get(id)
    if (id !== undefined && other === undefined) first.set(id, one)
    if (other === undefined) return []
    const place = `${other.file.name}:${placeOf(other.file.text, other.piece.offset).line}`
    return [locate(one, { message: `the id "${id}" is taken by the policy at ${place}`, start: 0 })]
  })
}

function validateBatch(batch: readonly Parsed[]): PolicyProblem[] {
  const found: Invalid[] = validateAgainst(
    schema,
    batch.map(({ piece, json }) => ({ text: piece.text, json })),
  )
  return found.flatMap(({ position, problem }) => {
    const one = batch[position]
    return one === undefined ? [] : [locate(one, problem)]
  })
}

function locate(
  { file, piece }: Pick<Parsed, 'file' | 'piece'>,
  problem: Pick<CedarProblem, 'message' | 'start'>,
): PolicyProblem {
  const offset = piece.offset + fromBytes(piece.text, problem.start)
  return { file: file.name, ...placeOf(file.text, offset), message: problem.message }
}

function asPolicy({ file, piece, json }: Parsed, position: number): Policy {
  const annotations = json.annotations ?? {}
  const id = annotations.id ?? ''
  return {
    id,
    position,
    file: file.name,
    line: placeOf(file.text, piece.offset).line,
    json,
    reason: annotations.reason ?? `Policy ${id} ${json.effect === 'permit' ? 'permits' : 'forbids'} this.`,
    obligations: readObligations(annotations),
  }
}

function hashOf(files: readonly PolicyFile[]): string {
  const sorted = files.map(({ name, text }) => [name, text] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256')
    .update(JSON.stringify([schemaText, ...sorted]))
    .digest('hex')
}

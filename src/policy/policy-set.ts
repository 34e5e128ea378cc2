import { createHash } from 'node:crypto'
import { type CedarProblem, type PolicyJson, parsePolicy } from './cedar.ts'
import { checkAnnotations, type Obligations, readObligations } from './obligations.ts'
import { schema, schemaText } from './schema.ts'
import { fromBytes, type Place, placesIn, splitPolicies } from './split.ts'
import { validateAgainst } from './validate.ts'

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
}

/** One policy's text in its file, and how to say where in it something is. */
interface Source {
  readonly file: string
  readonly text: string
  place(offset: number): Place
}

interface Parsed {
  readonly source: Source
  readonly json: PolicyJson
}

/** Parses and checks the files against the schema: the set, or everything that is wrong with it. A millisecond for each policy. */
export function makePolicySet(files: readonly PolicyFile[]): PolicySet | { readonly problems: readonly PolicyProblem[] } {
  const problems: PolicyProblem[] = files.filter(({ text }) => text.trim() === '').map(sayEmpty)
  const parsed: Parsed[] = []
  for (const source of files.flatMap(sourcesIn)) {
    const answer = parsePolicy(source.text)
    if ('json' in answer) {
      parsed.push({ source, json: answer.json })
      problems.push(...checkOne(source, answer.json))
    } else problems.push(...answer.problems.map((problem) => locate(source, problem)))
  }
  problems.push(...findDoubles(parsed), ...validateAll(parsed))
  if (problems.length > 0) return { problems }
  return { hash: hashOf(files), policies: parsed.map(asPolicy) }
}

function sayEmpty({ name }: PolicyFile): PolicyProblem {
  return { file: name, line: 1, column: 1, message: 'the file is empty; delete it' }
}

function sourcesIn({ name, text }: PolicyFile): Source[] {
  const place = placesIn(text)
  return splitPolicies(text).map((piece) => ({ file: name, text: piece.text, place: (offset) => place(piece.offset + offset) }))
}

function checkOne(source: Source, json: PolicyJson): PolicyProblem[] {
  const problems = checkAnnotations(json.annotations ?? {}, json.effect)
  if (!isExact(json.conditions)) problems.push('a number in it is larger than 9007199254740991, the largest that is kept exactly')
  return problems.map((message) => locate(source, { message, start: 0 }))
}

/** False where a literal may have been rounded: Cedar counts to 2^63, JSON as it is read here to 2^53. */
function isExact(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value)
  return typeof value !== 'object' || value === null || Object.values(value).every(isExact)
}

function findDoubles(parsed: readonly Parsed[]): PolicyProblem[] {
  const first = new Map<string, Source>()
  return parsed.flatMap(({ source, json }) => {
    const id = json.annotations?.id
    const other = id === undefined ? undefined : first.get(id)
    if (id !== undefined && other === undefined) first.set(id, source)
    if (other === undefined) return []
    const message = `the id "${id}" is taken by the policy at ${other.file}:${other.place(0).line}`
    return [locate(source, { message, start: 0 })]
  })
}

function validateAll(parsed: readonly Parsed[]): PolicyProblem[] {
  const candidates = parsed.map(({ source, json }) => ({ text: source.text, json }))
  return validateAgainst(schema, candidates).flatMap(({ position, problem }) => {
    const one = parsed[position]
    return one === undefined ? [] : [locate(one.source, problem)]
  })
}

function locate(source: Source, { message, start }: Pick<CedarProblem, 'message' | 'start'>): PolicyProblem {
  return { file: source.file, ...source.place(fromBytes(source.text, start)), message }
}

function asPolicy({ source, json }: Parsed, position: number): Policy {
  const annotations = json.annotations ?? {}
  const id = annotations.id ?? ''
  return {
    id,
    position,
    file: source.file,
    line: source.place(0).line,
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

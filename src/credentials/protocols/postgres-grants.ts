import { StintError } from '../../errors.ts'
import type { SessionAccess } from './session-access.ts'

/** The driver's own quoting. */
export interface Quote {
  escapeIdentifier(name: string): string
  escapeLiteral(text: string): string
}

/** One line of a target's template, read. */
interface PostgresGrant {
  readonly access: SessionAccess
  readonly kind: 'schema' | 'table' | 'sequence'
  readonly schema: string
  /** Of a table or a sequence; empty for a schema. */
  readonly name: string
}

/** A name as it is, or within `"` where `""` is one `"`. Case is kept, unlike in SQL. */
const NAME = String.raw`(?:[^\s"\p{C}.]+|"(?:[^"\p{C}]|"")+")`
/** `read schema app`, `write table app.orders`, `write sequence app.orders_id_seq`. */
export const GRANT_PATTERN = new RegExp(`^(?:read|write) (?:schema ${NAME}|(?:table|sequence) ${NAME}\\.${NAME})$`, 'u')
const PARTS = new RegExp(`^(?<access>read|write) (?<kind>[a-z]+) (?<schema>${NAME})(?:\\.(?<name>${NAME}))?$`, 'u')
/** NAMEDATALEN - 1: PostgreSQL cuts a longer name off, and it could then be another's. */
const MAX_NAME_BYTES = 63

/** Throws `invalid_argument` for what is not a line of the template, and for the server's own schemas, where its password hashes are. */
export function readGrant(line: string): PostgresGrant {
  const { access, kind, schema, name } = PARTS.exec(line)?.groups ?? {}
  if (!GRANT_PATTERN.test(line) || access === undefined || schema === undefined) throw invalid(line, 'takes `read schema NAME`')
  const grant = { access, kind, schema: plain(schema), name: name === undefined ? '' : plain(name) } as PostgresGrant
  for (const one of [grant.schema, grant.name])
    if (Buffer.byteLength(one) > MAX_NAME_BYTES) throw invalid(line, `takes names of at most ${MAX_NAME_BYTES} bytes`)
  if (/^(?:pg_|information_schema$)/i.test(grant.schema)) throw invalid(line, 'takes no schema of PostgreSQL itself')
  return grant
}

/** What the role of a session may do: to write takes a line that writes; to read, every line allows. */
export function grantStatements(lines: readonly string[], access: SessionAccess, role: string, quote: Quote): readonly string[] {
  const all = lines.map(readGrant)
  const schemas = (of: readonly PostgresGrant[]): string[] => [...new Set(of.map(({ schema }) => quote.escapeIdentifier(schema)))]
  const objects = (kind: PostgresGrant['kind'], most: SessionAccess): string[] => {
    const found = all.filter((grant) => grant.kind === kind && (access === 'read' || grant.access === most))
    if (kind === 'schema') return schemas(found)
    return [...new Set(found.map(({ schema, name }) => [schema, name].map(quote.escapeIdentifier).join('.')))]
  }
  const give = (what: string, names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`GRANT ${what} ${names.join(', ')} TO ${quote.escapeIdentifier(role)}`]
  const read = [
    ...give('SELECT ON ALL TABLES IN SCHEMA', objects('schema', 'read')),
    ...give('SELECT ON TABLE', objects('table', 'read')),
    ...give('SELECT ON SEQUENCE', objects('sequence', 'read')),
  ]
  const written = [
    ...give('SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA', objects('schema', 'write')),
    ...give('USAGE ON ALL SEQUENCES IN SCHEMA', objects('schema', 'write')),
    ...give('SELECT, INSERT, UPDATE, DELETE ON TABLE', objects('table', 'write')),
    ...give('SELECT, USAGE ON SEQUENCE', objects('sequence', 'write')),
  ]
  return [...give('USAGE ON SCHEMA', schemas(all)), ...read, ...(access === 'write' ? written : [])]
}

/** What it reaches, for people. */
export function reachOf(lines: readonly string[], access: SessionAccess, database: string): readonly string[] {
  return lines.map((line) => {
    const { access: most, kind, schema, name } = readGrant(line)
    const verb = access === 'write' && most === 'write' ? 'Reads and writes' : 'Reads'
    const what = kind === 'schema' ? `every table of the schema ${schema}` : `the ${kind} ${schema}.${name}`
    return `${verb} ${what} in ${database}`
  })
}

function plain(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}

function invalid(line: string, takes: string): StintError {
  return new StintError('invalid_argument', `settings.grants ${takes}: ${JSON.stringify(line.slice(0, 200))}`)
}

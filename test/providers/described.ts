import assert from 'node:assert/strict'
import type { Asked, Told } from './loopback.ts'

/** One operation of a provider’s published description. */
export interface Described {
  /** `POST /projects/{id}/access_tokens`. */
  readonly operation: string
  /** Members of the request’s body: those that must be there, and those that may. */
  readonly required?: readonly string[]
  readonly optional?: readonly string[]
  /** Parameters of the query. */
  readonly query?: readonly string[]
  readonly statuses: readonly number[]
}

/** What an operation is asked with, and what stands in place of its path’s parameters, unescaped. */
export interface DescribedCall extends Asked {
  readonly operation: string
  readonly parameters: Readonly<Record<string, string>>
}

/**
 * Answers only what a description has: a request that it does not have, or that lacks or adds a member, is answered 599, which no
 * connector takes for an answer; an answer with a status that it does not have fails as well.
 */
export function byDescription(
  description: readonly Described[],
  answer: (call: DescribedCall) => Told | Promise<Told>,
): (asked: Asked) => Promise<Told> {
  return async (asked) => {
    try {
      const { described, parameters } = find(description, asked)
      checkRequest(described, asked)
      const told = await answer({ ...asked, operation: described.operation, parameters })
      assert.ok(described.statuses.includes(told.status), `${described.operation} is not described to answer ${told.status}`)
      return told
    } catch (thrown) {
      return { status: 599, body: { undescribed: String(thrown) } }
    }
  }
}

function find(description: readonly Described[], { method, path }: Asked) {
  for (const described of description) {
    const [verb, template = ''] = described.operation.split(' ')
    const match = new RegExp(`^${template.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`).exec(path)
    if (verb !== method || match === null) continue
    const found = Object.entries(match.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)])
    return { described, parameters: Object.fromEntries(found) as Record<string, string> }
  }
  throw new Error(`${method} ${path} is not described`)
}

function checkRequest({ operation, required = [], optional = [], query = [] }: Described, asked: Asked): void {
  for (const name of asked.query.keys()) assert.ok(query.includes(name), `${operation} has no parameter ${name}`)
  const given = typeof asked.body === 'object' && asked.body !== null ? Object.keys(asked.body) : []
  for (const name of required) assert.ok(given.includes(name), `${operation} needs ${name}`)
  for (const name of given) assert.ok([...required, ...optional].includes(name), `${operation} has no member ${name}`)
}

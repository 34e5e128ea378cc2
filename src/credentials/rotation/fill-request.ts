import { StintError } from '../../errors.ts'
import type { Target } from '../../model.ts'
import type { HttpRequest } from '../minting.ts'
import type { RecipeRequest, Shown } from './recipe.ts'
import { fill, fillJson, type Values } from './template.ts'

/** What a header and a URL can carry, from end to end: as protocols/placement.ts has it. */
export const CARRIED = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/**
 * The request with its values in it, each escaped for its place: percent-encoded in a path or query (RFC 3986, section 2.1), plain in a
 * header, a string of JSON in the body. Throws `upstream_failed` for a value that does not fit there; values come from answers.
 */
export function fillRequest(request: RecipeRequest, values: Values, { placement }: Pick<Target, 'placement'>): HttpRequest {
  const { method, body } = request
  const shown = request.with === undefined ? undefined : values[request.with]
  const filled = Object.entries(request.headers ?? {}).map(([name, text]) => [name.toLowerCase(), fill(text, values, inHeader)])
  const url = fillUrl(request.url, values)
  return {
    method,
    url: shown !== undefined && placement.kind === 'query' ? withQuery(url, placement.name, shown) : url,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      accept: 'application/json',
      ...Object.fromEntries(filled),
      ...fieldOf(placement, shown),
    },
    ...(body !== undefined && { body: JSON.stringify(fillJson(body, values)) }),
  }
}

/** Whether the placement says where a request shows a key. */
export function canShow({ kind }: Target['placement'], shown: Shown | undefined): boolean {
  return shown === undefined || kind === 'header' || kind === 'basic' || kind === 'query'
}

function fieldOf(placement: Target['placement'], shown: string | undefined): Record<string, string> {
  if (shown === undefined) return {}
  if (placement.kind === 'header') return { [placement.name]: `${placement.prefix}${inHeader(shown)}` }
  if (placement.kind !== 'basic') return {}
  return { authorization: `Basic ${Buffer.from(`${placement.username}:${shown}`).toString('base64')}` }
}

/** The origin has no names in it (check-recipe.ts), so no value moves the request elsewhere. */
function fillUrl(template: string, values: Values): string {
  const url = fill(template, values, inUrl)
  const [, path = ''] = /^https?:\/\/[^/?]+([^?]*)/.exec(url) ?? []
  if (path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))) throw unfit('a path')
  return url
}

function withQuery(url: string, name: string, value: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}${name}=${inUrl(value)}`
}

function inUrl(value: string): string {
  if (value === '' || !value.isWellFormed()) throw unfit('a URL')
  return encodeURIComponent(value)
}

function inHeader(value: string): string {
  if (!CARRIED.test(value)) throw unfit('a header')
  return value
}

function unfit(place: string): StintError {
  return new StintError('upstream_failed', `a value that the target gave does not fit into ${place}`)
}

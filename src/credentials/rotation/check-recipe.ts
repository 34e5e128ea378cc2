import { StintError } from '../../errors.ts'
import type { HostRule, Target } from '../../model.ts'
import { CARRIED, canShow } from './fill-request.ts'
import { isPointer } from './json-pointer.ts'
import { NAMES, REFUSED, type Recipe, type RecipeRequest, requestsOf, type Step, WORKS } from './recipe.ts'
import { namesIn, textsOf } from './template.ts'

const URL_FORM = /^(https?):\/\/((?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?)(?:\/[^?#\s]*)?(?:\?[^#\s]*)?$/
/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/
/** Headers that say where a message goes and where it ends, and the one that says what the body is. */
const OURS =
  /^(?:host|content-length|content-type|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|accept-encoding|proxy-.*)$/i

/** Checks what the shape of a recipe does not say. Throws `invalid_argument` that names the part. `target` is the one it names. */
export function checkRecipe(recipe: Recipe, credentialId: string, target: Target): Recipe {
  if (target.credentialId !== credentialId) throw invalid('target', `${target.id} does not use the credential ${credentialId}`)
  const places = [...target.hosts, ...placesOf(recipe)]
  for (const [step, request] of requestsOf(recipe)) checkRequest(step, request, places, target)
  checkPointers(recipe)
  checkProbe(recipe)
  checkRetire(recipe)
  return recipe
}

/** The recipe’s own origins as places. Throws `invalid_argument`. */
export function placesOf({ origins = [] }: Pick<Recipe, 'origins'>): readonly HostRule[] {
  return origins.map((text, at) => {
    const url = URL.parse(text)
    if (url === null || url.protocol !== 'https:' || url.origin !== text)
      throw invalid(`origins.${at}`, 'takes an origin such as https://accounts.example.com')
    return { scheme: 'https', host: url.hostname, port: Number(url.port || 443) }
  })
}

function checkRequest(step: Step, request: RecipeRequest, places: readonly HostRule[], { id, placement }: Target): void {
  const at = `${step}.request`
  const { names, shows } = NAMES[step]
  checkUrl(`${at}.url`, request.url, places, id)
  for (const [where, text] of textsOf(request))
    for (const name of namesIn(text))
      if (!(names as readonly string[]).includes(name))
        throw invalid(`${at}.${where}`, `{{${name}}} is not one of ${names.map((one) => `{{${one}}}`).join(', ')}`)
  if (request.with !== undefined && !shows.includes(request.with)) throw invalid(`${at}.with`, `takes ${shows.join(' or ')}`)
  if (!canShow(placement, request.with))
    throw invalid(`${at}.with`, `the target ${id} does not say where its key goes; write it into \`headers\``)
  for (const [name, text] of Object.entries(request.headers ?? {})) checkHeader(`${at}.headers.${name}`, name, text)
  if (request.body !== undefined && ['GET', 'HEAD'].includes(request.method))
    throw invalid(`${at}.body`, `${request.method} has none (RFC 9110, section 9.3.1)`)
}

function checkUrl(where: string, url: string, places: readonly HostRule[], target: string): void {
  const [, scheme, authority = ''] = URL_FORM.exec(url) ?? []
  const parsed = scheme === undefined ? null : URL.parse(`${scheme}://${authority}/`)
  if (parsed === null) throw invalid(where, 'takes an http or https URL without a user or fragment, and with no name in its host')
  const port = Number(parsed.port) || (scheme === 'https' ? 443 : 80)
  const fits = (rule: HostRule): boolean =>
    rule.scheme === scheme &&
    rule.port === port &&
    (rule.host === parsed.hostname || (rule.host.startsWith('*.') && parsed.hostname.endsWith(rule.host.slice(1))))
  if (!places.some(fits))
    throw invalid(where, `${parsed.origin} is no host of ${target}; declare it in \`origins\` if it is right`)
}

function checkHeader(where: string, name: string, text: string): void {
  if (!TOKEN.test(name) || OURS.test(name)) throw invalid(where, 'is not a header that a recipe may set')
  if (!CARRIED.test(text)) throw invalid(where, 'takes printable ASCII, without spaces at its ends')
}

function checkPointers({ make, find }: Recipe): void {
  const pointers = {
    'make.new': make.new,
    'make.id': make.id,
    'find.keys': find?.keys,
    'find.name': find?.name,
    'find.id': find?.id,
  }
  for (const [where, pointer] of Object.entries(pointers))
    if (pointer !== undefined && !isPointer(pointer)) throw invalid(where, 'takes a JSON Pointer (RFC 6901), such as /data/key')
}

function checkProbe({ probe }: Recipe): void {
  const { request, works = WORKS, refused = REFUSED } = probe
  if (!uses(request, 'key')) throw invalid('probe.request', 'does not show the key: say `with: key`, or {{key}} in a header')
  const both = works.find((status) => refused.includes(status))
  if (both !== undefined) throw invalid('probe.refused', `${both} says that the key works`)
}

function checkRetire({ make, find, retire, currentId }: Recipe): void {
  const { request } = retire
  if (!uses(request, 'id') && !uses(request, 'old'))
    throw invalid('retire.request', 'does not say which key to end: say {{id}}, {{old}} or `with: old`')
  if (uses(request, 'id') && make.id === undefined) throw invalid('make.id', 'is missing; `retire` says {{id}}')
  if (uses(request, 'id') && currentId === undefined) throw invalid('currentId', 'is missing; `retire` says {{id}}')
  if (find === undefined) return
  if (!uses(request, 'id') || uses(request, 'old'))
    throw invalid(
      'find',
      'finds keys by id, whose value is not known: `retire` must say {{id}}, and neither {{old}} nor `with: old`',
    )
  if (!uses(make.request, 'rotation')) throw invalid('find', 'finds nothing: `make` must say {{rotation}} in what names the key')
}

/** Whether a request says or shows it. */
export function uses(request: RecipeRequest, name: string): boolean {
  return request.with === name || textsOf(request).some(([, text]) => namesIn(text).includes(name))
}

function invalid(where: string, problem: string): StintError {
  return new StintError('invalid_argument', `recipe: ${where}: ${problem}`)
}

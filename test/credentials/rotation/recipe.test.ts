import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkRecipe } from '../../../src/credentials/rotation/check-recipe.ts'
import { fillRequest } from '../../../src/credentials/rotation/fill-request.ts'
import type { Recipe, RecipeRequest } from '../../../src/credentials/rotation/recipe.ts'
import type { Target } from '../../../src/model.ts'
import { code, TARGET } from '../../targets/fixture.ts'
import { recipeAt } from './recipe-example.ts'

const ORIGIN = 'https://api.example.com'
const LEGACY: Target = { ...TARGET, id: 'legacy', credentialId: 'legacy-key' }
const RECIPE = recipeAt(ORIGIN)

function withProbe(change: Partial<RecipeRequest>): Recipe {
  return { ...RECIPE, probe: { request: { ...RECIPE.probe.request, ...change } } }
}

function withMake(change: Partial<RecipeRequest>): Recipe {
  return { ...RECIPE, make: { ...RECIPE.make, request: { ...RECIPE.make.request, ...change } } }
}

function withRetire(change: Partial<RecipeRequest>): Recipe {
  return { ...RECIPE, retire: { request: { ...RECIPE.retire.request, ...change } } }
}

describe('a recipe', () => {
  test('of the target’s own hosts is taken', () => {
    assert.equal(checkRecipe(RECIPE, 'legacy-key', LEGACY), RECIPE)
  })

  test('may go to an origin that it declares, and to no other', () => {
    const elsewhere = withProbe({ url: 'https://id.example.org/me' })
    assert.throws(
      () => checkRecipe(elsewhere, 'legacy-key', LEGACY),
      code('invalid_argument', /probe\.request\.url: https:\/\/id\.example\.org is no host of legacy/),
    )
    checkRecipe({ ...elsewhere, origins: ['https://id.example.org'] }, 'legacy-key', LEGACY)
  })

  const wrong: readonly (readonly [what: string, recipe: Recipe, words: RegExp])[] = [
    ['a credential that the target does not use', { ...RECIPE, target: 'legacy' }, /does not use the credential/],
    ['an origin in the clear', { ...RECIPE, origins: ['http://id.example.org'] }, /origins\.0/],
    ['an origin with a path', { ...RECIPE, origins: ['https://id.example.org/v1'] }, /origins\.0/],
    ['another scheme', withProbe({ url: 'http://api.example.com/me' }), /probe\.request\.url/],
    ['another port', withProbe({ url: 'https://api.example.com:8443/me' }), /probe\.request\.url/],
    ['a name in the host', withProbe({ url: 'https://{{key}}.example.com/me' }), /no name in its host/],
    ['a user in the URL', withProbe({ url: 'https://me@api.example.com/' }), /without a user/],
    [
      'a name that nothing has',
      withMake({ url: `${ORIGIN}/{{nonsense}}` }),
      /make\.request\.url: \{\{nonsense\}\} is not one of/,
    ],
    ['a name of another step', withMake({ body: { a: ['{{new}}'] } }), /make\.request\.body\.a\.0: \{\{new\}\} is not one of/],
    ['braces left over', withMake({ headers: { 'x-name': 'a {{ b' } }), /make\.request\.headers\.x-name: \{\{\?\}\}/],
    ['a value that the step has not', withMake({ with: 'new' }), /make\.request\.with: takes old/],
    ['a framing header', withMake({ headers: { 'Transfer-Encoding': 'chunked' } }), /make\.request\.headers\.Transfer-Encoding/],
    ['a header with a line break', withMake({ headers: { 'x-a': 'b\r\nc: d' } }), /make\.request\.headers\.x-a/],
    ['a body of GET', withProbe({ body: {} }), /probe\.request\.body/],
    ['a bad pointer', { ...RECIPE, make: { ...RECIPE.make, new: 'key' } }, /make\.new: takes a JSON Pointer/],
    ['a probe that shows no key', withProbe({ with: undefined } as never), /probe\.request: does not show the key/],
    ['a status that says both', { ...RECIPE, probe: { ...RECIPE.probe, works: [200, 403] } }, /probe\.refused: 403/],
    ['a retirement of nothing', withRetire({ url: `${ORIGIN}/v1/keys/current` }), /retire\.request: does not say which key/],
    ['no id to end', { ...RECIPE, currentId: undefined } as never, /currentId: is missing/],
    ['no id of the next one', { ...RECIPE, make: { request: RECIPE.make.request, new: '/key' } }, /make\.id: is missing/],
    ['a find that cannot end what it finds', withRetire({ with: 'old' }), /find: finds keys by id/],
    ['a find of what bears no name', withMake({ body: { name: 'a' } }), /find: finds nothing/],
  ]
  for (const [what, recipe, words] of wrong)
    test(`with ${what} is refused, and the error says where`, () => {
      const id = what.startsWith('a credential') ? 'other' : 'legacy-key'
      assert.throws(() => checkRecipe(recipe, id, LEGACY), code('invalid_argument', words))
    })

  test('whose target does not say where its key goes must say so itself', () => {
    const bare: Target = { ...LEGACY, placement: { kind: 'placeholder', placeholder: 'LEGACY_KEY', body: false } }
    assert.throws(() => checkRecipe(RECIPE, 'legacy-key', bare), code('invalid_argument', /write it into `headers`/))
  })
})

describe('a request of a recipe', () => {
  const request: RecipeRequest = {
    ...{ method: 'POST', url: `${ORIGIN}/keys/{{id}}?by={{old}}`, with: 'new' },
    ...{ headers: { 'X-Old': 'key {{old}}' }, body: { id: '{{id}}', list: ['{{old}}{{id}}', 1, null] } },
  }

  test('has each value escaped for its place', () => {
    const { url, headers = {}, body } = fillRequest(request, { old: 'a"b&c=d', new: 'n/e+w', id: '../x?y#{{old}}' }, LEGACY)
    assert.equal(url, `${ORIGIN}/keys/..%2Fx%3Fy%23%7B%7Bold%7D%7D?by=a%22b%26c%3Dd`)
    assert.equal(headers['x-old'], 'key a"b&c=d')
    assert.equal(headers.authorization, 'Bearer n/e+w')
    assert.deepEqual(JSON.parse(String(body)), { id: '../x?y#{{old}}', list: ['a"b&c=d../x?y#{{old}}', 1, null] })
  })

  for (const id of ['.', '..', '', '\ud800'])
    test(`does not leave with ${JSON.stringify(id)} in its path`, () =>
      assert.throws(() => fillRequest(request, { old: 'oldoldold', new: 'newnewnew', id }, LEGACY), code('upstream_failed')))

  for (const old of ['a\r\nhost: evil', 'a\0b', 'ключ-ключ', ' padded'])
    test(`does not leave with ${JSON.stringify(old)} in a header`, () =>
      assert.throws(() => fillRequest(request, { old, new: 'newnewnew', id: '1' }, LEGACY), code('upstream_failed')))

  test('shows a key where the target has it', () => {
    const probe: RecipeRequest = { method: 'GET', url: `${ORIGIN}/me`, with: 'key' }
    const basic = fillRequest(probe, { key: 'k:1' }, { placement: { kind: 'basic', username: 'me' } })
    assert.equal(basic.headers?.authorization, `Basic ${btoa('me:k:1')}`)
    const query = fillRequest(probe, { key: 'k&1' }, { placement: { kind: 'query', name: 'key' } })
    assert.equal(query.url, `${ORIGIN}/me?key=k%261`)
  })
})

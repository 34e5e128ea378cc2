import type { Recipe } from '../../../src/credentials/rotation/recipe.ts'

/** The recipe of the legacy system of these tests (test/providers/legacy.ts), at this origin. */
export function recipeAt(origin: string, change: Partial<Recipe> = {}): Recipe {
  return {
    target: 'legacy',
    currentId: '1',
    make: {
      request: { method: 'POST', url: `${origin}/v1/keys`, with: 'old', body: { name: 'stint {{rotation}}' } },
      new: '/key/value',
      id: '/key/id',
    },
    find: {
      request: { method: 'GET', url: `${origin}/v1/keys?name={{rotation}}`, with: 'old' },
      keys: '/keys',
      name: '/name',
      id: '/id',
    },
    probe: { request: { method: 'GET', url: `${origin}/v1/me`, with: 'key' } },
    retire: { request: { method: 'DELETE', url: `${origin}/v1/keys/{{id}}`, with: 'new' } },
    graceSeconds: 0,
    propagationSeconds: 0,
    ...change,
  }
}

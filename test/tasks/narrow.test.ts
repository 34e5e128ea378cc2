import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { childScopeFits } from '../../src/tasks/narrow.ts'

const word = fc.stringMatching(/^[ab:]{0,4}$/)
const pattern = fc.oneof(
  word.filter((text) => text !== ''),
  word.map((text) => `${text}*`),
)
const scope = fc.record({
  targets: fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { minLength: 1 }),
  actions: fc.array(pattern, { minLength: 1, maxLength: 4 }),
})
const bounds = fc.record({ scope, expiresAt: fc.integer({ min: 0, max: 3 }) })

function matches(patterns: readonly string[], action: string): boolean {
  return patterns.some((one) => (one.endsWith('*') ? action.startsWith(one.slice(0, -1)) : one === action))
}

test('a child that fits can do nothing its parent could not', () => {
  fc.assert(
    fc.property(bounds, bounds, fc.stringMatching(/^[ab:]{0,6}$/), (parent, child, action) => {
      if (!childScopeFits(parent, child)) return
      assert.ok(child.expiresAt <= parent.expiresAt)
      assert.ok(child.scope.targets.every((target) => parent.scope.targets.includes(target)))
      if (matches(child.scope.actions, action)) assert.ok(matches(parent.scope.actions, action))
    }),
    { numRuns: 5000 },
  )
})

test('a scope fits itself, and each of its parts', () => {
  fc.assert(
    fc.property(bounds, (parent) => {
      assert.ok(childScopeFits(parent, parent))
      for (const action of parent.scope.actions)
        assert.ok(childScopeFits(parent, { ...parent, scope: { ...parent.scope, actions: [action] } }))
    }),
  )
})

test('a time that is no number does not fit', () => {
  const parent = { scope: { targets: ['x'], actions: ['*'] }, expiresAt: 1 }
  assert.equal(childScopeFits(parent, { ...parent, expiresAt: Number.NaN }), false)
})

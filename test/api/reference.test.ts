import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apiReference } from '../../src/api/reference.ts'
import { ROUTES } from '../../src/api/routes.ts'

test('docs/reference/api.md names every route with its action, what it takes, and what may be left out', () => {
  const text = apiReference()
  for (const { method, path, gate } of ROUTES) {
    assert.ok(text.includes(`**\`${method} ${path}\`**`), path)
    if (gate !== undefined) assert.ok(text.includes(`\`${gate.action}\`, ${gate.access}`), gate.action)
  }
  assert.match(text, /Takes body `purpose`, `owner`\?, `targets`/)
})

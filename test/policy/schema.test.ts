import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSchema } from '../../src/policy/cedar.ts'
import { schema, schemaText } from '../../src/policy/schema.ts'

test('the schema that policies are held against is what Cedar makes of its text', () => {
  assert.deepEqual(schema, parseSchema(schemaText))
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createDetector } from '../../../src/scanner/detector.ts'
import { recognize } from '../../../src/scanner/exports/index.ts'
import { alnum } from '../../../src/scanner/sample.ts'
import { terraform } from '../../../src/scanner/structures/terraform.ts'

const detect = createDetector([], [terraform])

/** What is found, where it is said to stand. */
function look(state: unknown): string[] {
  const bytes = Buffer.from(JSON.stringify(state, null, 2))
  return detect(bytes, 0, bytes.length).map(({ start, end, secret }) => {
    assert.equal(bytes.toString('latin1', start, end), secret)
    return secret
  })
}

const attribute = (...names: readonly (string | number)[]) =>
  names.map((value) =>
    typeof value === 'string' ? { type: 'get_attr', value } : { type: 'index', value: { value, type: 'number' } },
  )

describe('a state of Terraform', () => {
  const [random, other] = [alnum(20), alnum(24, 4)]
  const attributes = {
    id: alnum(20, 9),
    password: 'correct-horse',
    nested: [{ secret: 'x' }, { secret: random, name: alnum(20, 8) }],
    empty: '',
  }
  const state = {
    version: 4,
    terraform_version: '1.9.5',
    outputs: {
      url: { value: `https://acme.dev/${alnum(8)}`, type: 'string' },
      dsn: { value: other, type: 'string', sensitive: true },
      region: { value: alnum(30), type: 'string', sensitive: false },
    },
    resources: [
      {
        mode: 'managed',
        type: 'acme_db',
        name: 'a',
        instances: [
          { attributes, sensitive_attributes: [attribute('password'), attribute('nested', 1, 'secret'), attribute('empty')] },
        ],
      },
      {
        mode: 'managed',
        type: 'acme_db',
        name: 'b',
        instances: [{ attributes: { password: 'battery-staple' }, sensitive_attributes: [] }],
      },
    ],
  }

  test('gives up what it says itself to be sensitive, and nothing else', () => {
    assert.deepEqual(look(state), [other, 'correct-horse', random])
  })

  test('is known by its version, so that no other file is taken for one', () => {
    assert.deepEqual(look({ ...state, terraform_version: undefined }), [])
    assert.deepEqual(look({ ...state, outputs: { dsn: { value: '$' + '{var.dsn}', sensitive: true } }, resources: [] }), [])
  })
})

test('settings with members as records of an export have are no export, and a record that quotes settings is one', () => {
  const record = { id: '1', description: 'x', user: 'ada' }
  const recognized = (value: unknown): boolean => recognize(Buffer.from(JSON.stringify(value, null, 2))) !== undefined
  for (const settings of [{ terraform_version: '1.9.5' }, { mcpServers: {} }, { kind: 'Secret' }, { kind: 'List' }])
    assert.equal(recognized({ ...settings, resources: [record] }), false)
  assert.ok(recognized([{ ...record, text: JSON.stringify({ mcpServers: {}, kind: 'Secret' }) }]))
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { describeRoutes, openPath } from '../../src/api/openapi.ts'
import { ROUTES } from '../../src/api/routes.ts'
import { createFake, runApi } from './fixture.ts'

type Json = Record<string, unknown>
interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly parameters: readonly { name: string; in: string; required: boolean; schema: Json }[]
  readonly requestBody?: { required: boolean; content: Record<string, { schema: Json }> }
  readonly responses: Record<string, { description: string; content: Record<string, { schema: Json }> }>
  readonly security: readonly Json[]
}

const document = describeRoutes(ROUTES, '0.1.0', 'http://127.0.0.1:7400')
const paths = document.paths as Record<string, Record<string, Operation>>
const { schemas, securitySchemes } = document.components as { schemas: Record<string, Json>; securitySchemes: Json }

function* references(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return
  for (const [key, one] of Object.entries(value)) {
    if (key === '$ref') yield String(one)
    else yield* references(one)
  }
}

describe('the OpenAPI document', () => {
  test('has every route once, and no other', () => {
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    assert.deepEqual(described.sort(), ROUTES.map(({ method, path }) => `${method} ${openPath(path)}`).sort())
  })

  test('is closed: every reference leads to a schema, every scheme is declared, every operation has its own id', () => {
    for (const reference of references(document)) {
      assert.match(reference, /^#\/components\/schemas\//)
      assert.ok(reference.slice('#/components/schemas/'.length) in schemas, reference)
    }
    for (const [name, schema] of Object.entries(schemas)) assert.ok(!('$ref' in schema) && Object.keys(schema).length > 0, name)
    const operations = Object.values(paths).flatMap((one) => Object.values(one))
    assert.equal(new Set(operations.map((one) => one.operationId)).size, operations.length)
    for (const { security } of operations)
      for (const one of security) for (const scheme of Object.keys(one)) assert.ok(scheme in securitySchemes)
  })

  test('declares each path parameter, requires it, and describes each answer', () => {
    for (const [path, operations] of Object.entries(paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      for (const { parameters, responses, summary } of Object.values(operations)) {
        const declared = parameters.filter((one) => one.in === 'path')
        assert.deepEqual(declared.map((one) => one.name).sort(), named.sort(), path)
        assert.ok(declared.every((one) => one.required))
        assert.ok(summary.endsWith('.'), summary)
        assert.ok(Object.keys(responses).some((status) => /^20\d$/.test(status)))
        assert.ok(responses.default?.content['application/problem+json'])
      }
    }
  })

  test('says that unknown keys are refused, and that a secret only goes in', () => {
    const started = schemas.StartTask as { additionalProperties?: boolean; required?: string[] }
    assert.equal(started.additionalProperties, false)
    assert.ok(started.required?.includes('keyThumbprint'))
    const credential = schemas.AddCredential as { properties: Record<string, Json> }
    assert.equal(credential.properties.value?.writeOnly, true)
  })

  test('offers Idempotency-Key on writes and only there', () => {
    for (const operations of Object.values(paths))
      for (const [method, { parameters }] of Object.entries(operations))
        assert.equal(
          parameters.some((one) => one.name === 'Idempotency-Key'),
          method !== 'get',
        )
  })

  test('is what the API answers', async (t) => {
    const api = await runApi(createFake().verbs)
    t.after(() => api.stop())
    const { json } = await api.tcp('GET', '/v1/openapi.json')
    assert.equal(json.openapi, '3.1.0')
    assert.deepEqual(json, JSON.parse(JSON.stringify(document)))
  })
})

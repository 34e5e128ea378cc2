import { z } from 'zod'
import { CATALOGUE } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import type { Row } from './routes.ts'

type Json = Record<string, unknown>

const PROBLEM = '#/components/schemas/Problem'

const SECURITY: Readonly<Record<string, Json>> = {
  task: { type: 'http', scheme: 'DPoP', description: 'A task token, with a DPoP proof of its key (RFC 9449).' },
  federated: { type: 'http', scheme: 'bearer', description: 'An OIDC token of a configured issuer.' },
  webhook: {
    ...{ type: 'apiKey', in: 'header', name: 'webhook-signature' },
    description: 'A signature over the body with the secret of the webhook (Standard Webhooks).',
  },
}

/** The OpenAPI 3.1 document of a route table. */
export function describeRoutes(rows: readonly Row[], version: string, serverUrl: string): Json {
  const schemas: Json = { Problem: problemSchema() }
  const paths: Record<string, Json> = {}
  for (const row of rows) {
    const path = openPath(row.path)
    paths[path] = { ...paths[path], [row.method.toLowerCase()]: operation(row, schemas) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Stint',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description:
        'The operator is proved by the unix socket in the data directory, which serves the same paths; operations without a security scheme that are not public are for the operator alone. Errors are problem documents (RFC 9457).',
    },
    servers: [{ url: serverUrl }],
    paths,
    components: { schemas, securitySchemes: SECURITY },
  }
}

/** `/v1/tasks/{id}` for `/v1/tasks/:id`. */
export function openPath(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}')
}

function operation(row: Row, schemas: Json): Json {
  const { endpoint, gate } = row
  const schemes = gate?.who.filter((who) => who in SECURITY) ?? []
  return {
    operationId: operationId(row),
    summary: endpoint.summary,
    tags: [row.path.split('/')[2] ?? 'installation'],
    security: gate === undefined ? [] : schemes.map((scheme) => ({ [scheme]: [] })),
    ...(gate && { 'x-stint-action': gate.action, 'x-stint-access': gate.access, 'x-stint-who': gate.who }),
    parameters: parameters(row, schemas),
    ...requestBody(endpoint, schemas),
    responses: {
      [endpoint.status]: { description: endpoint.summary, content: content(endpoint, schemas) },
      default: { description: 'A problem document.', content: { 'application/problem+json': { schema: { $ref: PROBLEM } } } },
    },
  }
}

/** `startTask` for `stint:Task::start`; the last words of the path where there is no action. */
function operationId({ gate, path }: Row): string {
  const words = gate ? gate.action.split(/:+/).slice(1).reverse() : path.split(/\W+/).filter((word) => word !== '')
  return words.map((word, at) => (at === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join('')
}

function parameters(row: Row, schemas: Json): Json[] {
  const { params, query } = row.endpoint
  const writes = row.method !== 'GET'
  return [...fields(params, 'path', schemas), ...fields(query, 'query', schemas), ...(writes ? [IDEMPOTENCY_KEY] : [])]
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'Carries the request out once, however often it is sent with this key within a day.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
}

function fields(schema: z.ZodObject, place: 'path' | 'query', schemas: Json): Json[] {
  const { properties = {}, required = [] } = jsonSchema(schema, 'input', schemas) as { properties?: Json; required?: string[] }
  return Object.entries(properties).map(([name, one]) => ({ name, in: place, required: required.includes(name), schema: one }))
}

function requestBody({ body }: Endpoint, schemas: Json): Json {
  const keys = Object.keys(body.shape)
  if (keys.length === 0) return {}
  const required = !body.safeParse({}).success
  return { requestBody: { required, content: { 'application/json': { schema: jsonSchema(body, 'input', schemas) } } } }
}

function content({ produces, response }: Endpoint, schemas: Json): Json {
  const schema = jsonSchema(response, 'output', schemas)
  if (produces !== 'stream') return { [produces]: { schema } }
  return { 'application/jsonl': { schema }, 'text/event-stream': { schema: { type: 'string' } } }
}

/** The JSON Schema of a part; named schemas move to `components`. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output', schemas: Json): Json {
  const {
    $schema: _,
    $defs,
    ...rest
  } = JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io })).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json
  Object.assign(schemas, $defs)
  return rest
}

function problemSchema(): Json {
  const text = { type: 'string' }
  return {
    type: 'object',
    required: ['type', 'title', 'status', 'code', 'detail', 'next'],
    properties: {
      type: { type: 'string', format: 'uri' },
      title: text,
      status: { type: 'integer' },
      code: { type: 'string', enum: Object.keys(CATALOGUE) },
      detail: text,
      next: text,
      correlationId: text,
      reasons: { type: 'array', items: text },
    },
  }
}

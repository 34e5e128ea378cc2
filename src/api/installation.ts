import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { status as statusSchema } from './schemas.ts'

export const status = endpoint({
  summary: 'What runs, what is in force and what is open.',
  response: statusSchema,
  handle: (verbs) => verbs.status(),
})

export const caCertificate = endpoint({
  summary: 'The certificate that clients of the gateway trust.',
  response: z.string(),
  produces: 'application/x-pem-file',
  handle: (verbs) => verbs.caCertificate(),
})

export const healthz = endpoint({
  summary: 'The process runs.',
  response: z.object({ status: z.literal('ok') }),
  handle: () => ({ status: 'ok' as const }),
})

export const readyz = endpoint({
  summary: 'Every part works: 200, or 503 and the parts that do not. Why not is in `GET /v1/status`.',
  response: z.object({ ready: z.boolean(), parts: z.record(z.string(), z.boolean()) }).meta({ id: 'Readiness' }),
  statusOf: ({ ready }) => (ready ? 200 : 503),
  handle: async (verbs) => {
    const parts = await verbs.ready()
    return { ready: Object.values(parts).every((works) => works), parts }
  },
})

export const metrics = endpoint({
  summary: 'Prometheus text exposition: totals alone, by words of Stint’s own.',
  response: z.string(),
  produces: 'text/plain; version=0.0.4; charset=utf-8',
  handle: (verbs) => verbs.metrics(),
})

export const jwks = endpoint({
  summary: 'The keys that verify task tokens (RFC 7517).',
  response: z.looseObject({ keys: z.array(z.looseObject({})) }).meta({ id: 'Jwks' }),
  handle: (verbs) => verbs.jwks(),
})

export const serverMetadata = endpoint({
  summary: 'Where the keys of task tokens are (RFC 8414).',
  response: z.looseObject({ issuer: z.string(), jwks_uri: z.string() }).meta({ id: 'ServerMetadata' }),
  handle: (_verbs, _input, { site: { issuer } }) => ({
    issuer,
    jwks_uri: new URL('/.well-known/jwks.json', issuer).href,
    response_types_supported: [],
    grant_types_supported: [],
    dpop_signing_alg_values_supported: ['ES256'],
  }),
})

export const description = endpoint({
  summary: 'This API, as OpenAPI 3.1.',
  response: z.looseObject({ openapi: z.string() }),
  handle: (_verbs, _input, { site }) => ({ openapi: '3.1.0', ...site.describe() }),
})

import { z } from 'zod'
import { ROUTES, type Row } from './routes.ts'

/** docs/reference/api.md: every route, who may ask it, and what it takes. */
export function apiReference(): string {
  return `# API

The same routes answer on TCP (\`STINT_HOST\`, \`STINT_API_PORT\`) and on the unix socket \`operator.sock\` in the data directory. The socket
is the operator's proof, so what only the operator may do works there alone. \`GET /v1/openapi.json\` has every shape, as OpenAPI 3.1.

- **Proof.** *operator*: the socket. *task*: \`Authorization: DPoP <task token>\` with a \`DPoP\` proof (RFC 9449), for that task alone.
  *federated*: \`Authorization: Bearer <OIDC token>\` of a configured issuer; a \`DPoP\` header proves the key of the task at the same time.
  *webhook*: \`webhook-id\`, \`webhook-timestamp\` and \`webhook-signature\` over the body (Standard Webhooks, docs/approvals.md).
- **Order.** Proof, then shape, then policy (the action below), then the audit log, then the act. What cannot be recorded is not done; the
  kill switch alone does not wait for the log.
- **Errors** are problem documents (RFC 9457): \`code\` is stable, \`next\` says what to do. See [errors](errors.md).
- **Unknown keys** in a body or a query are refused. A body is \`application/json\`, at most 1 MiB. Requests from web pages are refused.
- **Pages.** \`{ "items": [], "next": "…" }\`; send \`next\` back as \`cursor\`. Without \`next\` it was the last one.
- **Writes** take an \`Idempotency-Key\`: the request is carried out once, however often it is sent with this key within a day, also after a
  restart. Another request under the same key is \`idempotency_mismatch\`; one that a crash cut off is \`conflict\`.
- **Streams** (marked) are lines of JSON, or server-sent events for \`Accept: text/event-stream\`. An empty line or comment is a sign of life;
  \`{"problem": …}\` or an event \`problem\` is a failure midway.

${chapters()}`
}

function chapters(): string {
  const nouns = [...new Set(ROUTES.map(nounOf))]
  return nouns
    .map(
      (noun) =>
        `## ${noun}\n\n${ROUTES.filter((row) => nounOf(row) === noun)
          .map(describe)
          .join('\n')}`,
    )
    .join('\n\n')
}

function nounOf({ path }: Row): string {
  return /^\/v1\/(\w+)/.exec(path)?.[1] ?? 'installation'
}

function describe({ method, path, gate, endpoint }: Row): string {
  const rule = gate === undefined ? 'public' : `${gate.who.join(' or ')}; \`${gate.action}\`, ${gate.access}`
  const stream = endpoint.produces === 'stream' ? ' Stream.' : ''
  const takes = [...keysOf('query', endpoint.query), ...keysOf('body', endpoint.body)]
  const more = takes.length > 0 ? `\n  Takes ${takes.join('; ')}.` : ''
  return `- **\`${method} ${path}\`** (${rule})\n  ${endpoint.summary}${stream}${more}`
}

function keysOf(where: string, schema: z.ZodObject): string[] {
  const { required = [] } = z.toJSONSchema(z.object(schema.shape), { io: 'input' })
  const keys = Object.keys(schema.shape).map((key) => `\`${key}\`${required.includes(key) ? '' : '?'}`)
  return keys.length > 0 ? [`${where} ${keys.join(', ')}`] : []
}

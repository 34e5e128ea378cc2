import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { auditEntry, auditQuery, byNumber, pageOf, tailQuery } from './schemas.ts'

export const search = endpoint({
  summary: 'Entries of the audit log, newest first.',
  query: auditQuery,
  response: pageOf(auditEntry),
  handle: (verbs, { query }) => verbs.audit.search(query),
})

export const tail = endpoint({
  summary: 'Entries as they become durable, for as long as the client listens.',
  query: tailQuery,
  response: auditEntry,
  produces: 'stream',
  handle: (verbs, { query }, { signal }) => verbs.audit.tail(query, signal),
})

export const entry = endpoint({
  summary: 'One entry.',
  params: byNumber,
  response: auditEntry,
  handle: (verbs, { params }) => verbs.audit.entry(params.number),
})

export const checkpoint = endpoint({
  summary: 'The newest signed tree head (C2SP tlog-checkpoint).',
  response: z.string(),
  produces: 'text/plain; charset=utf-8',
  handle: (verbs) => verbs.audit.checkpoint(),
})

export const publicKey = endpoint({
  summary: 'The key that verifies checkpoints (C2SP signed-note).',
  response: z.string(),
  produces: 'text/plain; charset=utf-8',
  handle: (verbs) => `${verbs.audit.publicKey()}\n`,
})

import { endpoint } from './endpoint.ts'
import { finding, findingFilter, pageOf } from './schemas.ts'

export const list = endpoint({
  summary: 'What was noticed about tasks, newest first: what it was, and whether it revoked the task.',
  query: findingFilter,
  response: pageOf(finding),
  handle: (verbs, { query }) => verbs.findings.list(query),
})

import { endpoint } from './endpoint.ts'
import { byNumber, explanation, policyStatus } from './schemas.ts'

export const status = endpoint({
  summary: 'The policy set in force, and why a newer one was refused.',
  response: policyStatus,
  handle: (verbs) => verbs.policy.status(),
})

export const reload = endpoint({
  summary: 'Reads the policies again; a broken set is refused and the old one keeps serving.',
  response: policyStatus,
  handle: (verbs) => verbs.policy.reload(),
})

export const explain = endpoint({
  summary: 'How the decision recorded in an entry came about.',
  params: byNumber,
  response: explanation,
  handle: (verbs, { params }) => verbs.policy.explain(params.number),
})

import { endpoint } from './endpoint.ts'
import { because, byName, lease, leaseFilter, pageOf } from './schemas.ts'

export const list = endpoint({
  summary: 'Minted credentials, newest first: who has them, why, what they reach, when they die and the evidence that they did.',
  query: leaseFilter,
  response: pageOf(lease),
  handle: (verbs, { query }) => verbs.leases.list(query),
})

export const show = endpoint({
  summary: 'One minted credential, with every look at whether it still works.',
  params: byName,
  response: lease,
  handle: (verbs, { params }) => verbs.leases.get(params.id),
})

export const revoke = endpoint({
  summary: 'Revokes one minted credential at its provider; it is dead when its state says so.',
  params: byName,
  body: because,
  response: lease,
  handle: (verbs, { params, body }) => verbs.leases.end(params.id, body.reason),
})

import { endpoint } from './endpoint.ts'
import { pageOver } from './paging.ts'
import { addIssuer, byName, DONE, done, examined, examineToken, issuer, pageOf, pageQuery } from './schemas.ts'

export const add = endpoint({
  summary: 'Trusts an OIDC issuer, for the workloads its rules name.',
  body: addIssuer,
  response: issuer,
  status: 201,
  handle: (verbs, { body }) => verbs.issuers.add(body),
})

export const list = endpoint({
  summary: 'Trusted issuers, by id.',
  query: pageQuery,
  response: pageOf(issuer),
  handle: async (verbs, { query }) => pageOver(await verbs.issuers.list(), (one) => one.id, query),
})

export const remove = endpoint({
  summary: 'Its tokens are refused from now on.',
  params: byName,
  response: done,
  handle: async (verbs, { params }) => {
    await verbs.issuers.remove(params.id)
    return DONE
  },
})

export const test = endpoint({
  summary: 'Whether a token would be accepted, and why not; uses nothing up.',
  body: examineToken,
  response: examined,
  handle: (verbs, { body }) => verbs.issuers.examine(body.token),
})

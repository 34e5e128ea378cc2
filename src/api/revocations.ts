import type { Demand } from '../killswitch.ts'
import { type Asking, callerOf, endpoint } from './endpoint.ts'
import { pageOver } from './paging.ts'
import { because, byNumber, pageOf, pageQuery, receipt, revocation, revoke } from './schemas.ts'

export const create = endpoint({
  summary: 'The kill switch: when it answers, nothing the selector covers is allowed any more, and what was open is cut.',
  body: revoke,
  response: receipt,
  status: 201,
  handle: (verbs, { body }, asking) => verbs.revocations.revoke(body.selector, demand(body.reason, asking)),
})

export const list = endpoint({
  summary: 'Revocations, newest first, those that were lifted included.',
  query: pageQuery,
  response: pageOf(revocation),
  handle: async (verbs, { query }) => pageOver(await verbs.revocations.list(), ({ number }) => newestFirst(number), query),
})

/** A text that sorts the other way round than the number does. */
function newestFirst(number: number): string {
  return String(Number.MAX_SAFE_INTEGER - number).padStart(16, '0')
}

export const lift = endpoint({
  summary: 'Lifts a revocation, as a new recorded act; what it ended stays ended.',
  params: byNumber,
  body: because,
  response: revocation,
  handle: (verbs, { params, body }, asking) => verbs.revocations.lift(params.number, demand(body.reason, asking)),
})

function demand(reason: string, asking: Asking): Demand {
  return { reason, by: callerOf(asking), correlationId: asking.correlationId }
}

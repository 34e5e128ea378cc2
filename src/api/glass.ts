import { z } from 'zod'
import { callerOf, endpoint } from './endpoint.ts'
import { pageOver } from './paging.ts'
import { because, byName, millis, name, pageOf, pageQuery, secretValue, words } from './schemas.ts'

const review = z.object({ by: z.string(), at: millis, note: z.string() })

const drillResult = z.object({
  rotates: z.boolean(),
  steps: z
    .array(z.object({ step: z.string(), ok: z.boolean(), detail: z.string() }))
    .readonly()
    .exactOptional(),
})

export const opening = z
  .object({
    ...{ id: z.string(), state: z.enum(['asked', 'opening', 'open', 'closed', 'lapsed', 'drilled']) },
    ...{ credentialId: z.string(), targetId: z.string(), taskId: z.string(), workload: z.string(), owner: z.string() },
    ...{ requestedBy: z.string(), reason: z.string(), ticket: z.string().exactOptional() },
    openBy: z.string().describe('Who must say yes: `2 of role:oncall`.'),
    seconds: z.number().describe('For how long it is open, at most.'),
    createdAt: millis,
    approvalId: z.string().exactOptional().describe('The question to people.'),
    claimedAt: millis.exactOptional(),
    openedBy: z.array(z.string()).readonly().exactOptional(),
    openedAt: millis.exactOptional(),
    closesAt: millis.exactOptional(),
    endedAt: millis.exactOptional(),
    why: z.string().exactOptional().describe('Why it is over.'),
    renewal: z
      .enum(['due', 'begun', 'by-hand'])
      .exactOptional()
      .describe('Who gives the credential a new value: its recipe, which is about to begin or has begun, or a person.'),
    unrecorded: z.literal(true).optional().describe('Until the audit log has how it ended.'),
    review: review.exactOptional(),
    drill: drillResult.exactOptional().describe('Present for a drill, which has no task; its steps when it is over.'),
  })
  .meta({ id: 'Opening' })

export const seal = z
  .object({
    ...{ credentialId: z.string(), targetId: z.string(), targetDigest: z.string(), openBy: z.string(), seconds: z.number() },
    ...{ sealedBy: z.string(), sealedAt: millis },
    lastDrill: opening.exactOptional().describe('The last drill that came to its end, well or not.'),
    last: opening.exactOptional().describe('The opening that was asked for last, unless nothing came of it.'),
  })
  .meta({ id: 'Seal' })

export const add = endpoint({
  summary: 'Seals a credential, so that no policy reaches it: only an opening does, for its one target.',
  body: z
    .strictObject({
      ...{ credentialId: name, targetId: name, openBy: words(200), seconds: z.number().int().min(1).max(86_400) },
      value: secretValue.exactOptional().describe('Of a new credential; absent for one that is in the vault.'),
      byHand: z.boolean().exactOptional().describe('True where no recipe rotates it and a person does, after each opening.'),
    })
    .meta({ id: 'AddSeal' }),
  response: seal,
  status: 201,
  handle: (verbs, { body }, asking) => verbs.glass.seal(body, callerOf(asking)),
})

export const list = endpoint({
  summary: 'Sealed credentials, each with its last opening.',
  query: pageQuery,
  response: pageOf(seal),
  handle: async (verbs, { query }) => pageOver(await verbs.glass.seals(), (one) => one.credentialId, query),
})

export const ask = endpoint({
  summary: 'Asks people to open a sealed credential to one live task. It is open when enough of them have said yes.',
  params: byName,
  body: z.strictObject({ taskId: words(200), reason: words(500), ticket: words(200).exactOptional() }).meta({ id: 'AskOpening' }),
  response: opening,
  status: 201,
  handle: (verbs, { params, body }, asking) => verbs.glass.ask(params.id, body, callerOf(asking)),
})

export const drill = endpoint({
  summary: 'Asks people as an emergency does; when they have said yes everything is tried, and nothing opened or handed out.',
  params: byName,
  body: z
    .strictObject({ rotates: z.boolean().exactOptional().describe('True to begin a rotation by its recipe as well.') })
    .meta({ id: 'Drill' }),
  response: opening,
  status: 201,
  handle: (verbs, { params, body }, asking) => verbs.glass.drill(params.id, body.rotates === true, callerOf(asking)),
})

export const openings = endpoint({
  summary: 'Openings, newest first: who asked, who said yes, for which task, and who reviewed it.',
  query: pageQuery.extend({ credentialId: name.exactOptional() }),
  response: pageOf(opening),
  handle: (verbs, { query }) => verbs.glass.list(query),
})

export const show = endpoint({
  summary: 'One opening.',
  params: byName,
  response: opening,
  handle: (verbs, { params }) => verbs.glass.get(params.id),
})

export const close = endpoint({
  summary: 'Closes it for all gateways, or withdraws what is asked; then its credential gets a new value.',
  params: byName,
  body: because,
  response: opening,
  handle: (verbs, { params, body }) => verbs.glass.close(params.id, body.reason),
})

export const sign = endpoint({
  summary: 'Signs what was done while it was open, as somebody who had no part in it. Without it there is no next opening.',
  params: byName,
  body: z.strictObject({ note: words(500) }).meta({ id: 'ReviewOpening' }),
  response: opening,
  handle: (verbs, { params, body }, asking) => verbs.glass.review(params.id, callerOf(asking), body.note),
})

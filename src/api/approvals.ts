import { z } from 'zod'
import { callerOf, endpoint } from './endpoint.ts'
import { byName, millis, name, pageOf, pageQuery, words } from './schemas.ts'

const states = z.enum(['pending', 'granted', 'denied', 'expired', 'used'])
const texts = z.array(z.string()).readonly()

export const approval = z
  .object({
    id: z.string(),
    state: states,
    approver: z.string().describe('Who must consent: the joined values of `@approval`.'),
    escalation: z
      .object({ role: z.string(), at: millis })
      .exactOptional()
      .describe('Nobody had answered: since then the people of this role may.'),
    taskId: z.string(),
    purpose: z.string(),
    owner: z.string(),
    taskExpiresAt: millis.describe('No consent outlives the task.'),
    callerId: z.string(),
    targetId: z.string(),
    action: z.string(),
    access: z.enum(['read', 'write', 'destructive', 'admin']),
    resource: z.string(),
    parameters: z.record(z.string(), z.union([z.string(), texts])),
    line: z.string().exactOptional().describe('The request in one line.'),
    body: z.string().exactOptional().describe('The beginning of its body, with what looks like a secret masked.'),
    risk: z.number(),
    riskReasons: texts,
    policies: texts,
    reasons: texts,
    answers: z
      .array(
        z.object({
          ...{ by: z.string(), said: z.enum(['yes', 'no']), at: millis, reason: z.string().exactOptional() },
          ...{ via: z.string().exactOptional().describe('The webhook that it came by, where it did.') },
          ...{ times: z.number().exactOptional(), minutes: z.number().exactOptional() },
          anyBody: z.literal(true).exactOptional(),
        }),
      )
      .readonly(),
    anyBody: z
      .enum(['possible', 'granted'])
      .exactOptional()
      .describe('Whether a yes may leave the body open, and when it did: then the same request goes through with any body.'),
    usesLeft: z.number().int(),
    createdAt: millis,
    expiresAt: millis,
  })
  .meta({ id: 'Approval' })

const approvalShown = approval
  .extend({
    touched: texts.describe('The labels that its tree of tasks had touched when it asked.'),
    before: z
      .array(
        z.object({
          ...{ at: millis, action: z.string(), targetId: z.string(), resource: z.string() },
          effect: z.enum(['allow', 'deny', 'needs-approval']),
        }),
      )
      .readonly()
      .describe('The last ten requests of the task before it asked, newest first, by the log of the gateway that shows it.'),
  })
  .meta({ id: 'ApprovalShown' })

const said = z.strictObject({ reason: words(500).exactOptional() })
const yes = said.extend({
  times: z.number().int().min(1).exactOptional().describe('How often the same request may go through; once when absent.'),
  minutes: z.number().int().min(1).exactOptional().describe('For how long; until the question would have expired when absent.'),
  anyBody: z
    .boolean()
    .exactOptional()
    .describe('The same action, place and header fields with any body. Of several people all must say so.'),
})

export const list = endpoint({
  summary: 'What people were asked to consent to, newest first, and what they said.',
  query: pageQuery.extend({ state: states.exactOptional(), taskId: words(200).exactOptional() }),
  response: pageOf(approval),
  handle: (verbs, { query }) => verbs.approvals.list(query),
})

export const show = endpoint({
  summary:
    'One question, with all that a person needs to answer it, also what the task did before; for the operator, and for whom it asks.',
  params: byName,
  response: approvalShown,
  handle: (verbs, { params }, asking) => verbs.approvals.get(params.id, callerOf(asking)),
})

export const showOfTask = endpoint({
  summary: 'One question of a task, and how far it is: where the task itself looks.',
  params: byName.extend({ approval: name }),
  response: approval,
  handle: async (verbs, { params }) => verbs.approvals.ofTask(params.id, params.approval),
})

export const grant = endpoint({
  summary:
    'Consents to exactly this request, once unless it says otherwise; with several approvers it is granted by the last of them.',
  params: byName,
  body: yes,
  response: approval,
  handle: (verbs, { params, body }, asking) => verbs.approvals.grant(params.id, callerOf(asking), body),
})

export const deny = endpoint({
  summary: 'Says no: the same request is refused until the question expires.',
  params: byName,
  body: said,
  response: approval,
  handle: (verbs, { params, body }, asking) => verbs.approvals.deny(params.id, callerOf(asking), body),
})

export const answer = endpoint({
  summary:
    'The answer of the person of a webhook, signed as the question was (Standard Webhooks), within five minutes and once: docs/approvals.md.',
  params: byName.extend({ webhook: name }),
  body: yes.extend({
    handle: z.string().min(1).max(200).meta({ writeOnly: true }).describe('As it came with the question.'),
    said: z.enum(['yes', 'no']),
  }),
  response: approval,
  handle: (verbs, { params, body }, asking) => verbs.approvals.answer(params.id, params.webhook, callerOf(asking), body),
})

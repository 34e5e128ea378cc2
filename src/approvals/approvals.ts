import { StintError } from '../errors.ts'
import type { Store, Work } from '../store/store.ts'
import type { ApprovalRow } from '../store/tables.ts'
import { type Answerer, answerRow, type MostTerms } from './answering.ts'
import { type Answer, type Approval, approvalOf, keptOf, newApprovalId, type Shown } from './approval.ts'
import { widen } from './escalate.ts'
import { type ApprovalFilter, listApprovals } from './list.ts'
import { createOpenQuestions } from './open-questions.ts'
import type { Delivery } from './outbox.ts'
import { createWaiting, type Hold } from './waiting.ts'
import { deliveriesOf, type EscalationRule, escalationOf, type Webhook } from './webhooks.ts'
import { mayAnswer, type Roles, whyUnmeetable } from './who.ts'

/** How many questions of one task may wait for an answer: a program cannot bury people in them. */
const MOST_PENDING_OF_A_TASK = 20

/** What is asked: who must consent, what they are shown, and what it is bound to. */
export interface Question {
  readonly binding: string
  /** What a yes to it whatever its body would be bound to; absent where nobody may say that. */
  readonly anyBodyBinding?: string
  readonly approver: string
  readonly shown: Shown
  /** Who must consent is fixed: nobody else is asked, however long it takes. */
  readonly neverEscalates?: true
  /** The id of the question that it was before: when that one is over none is asked in its place. */
  readonly again?: string
}

/** What there is to a question. `taken` is a consent that was used up for this one request, by the very call that says so. */
export type Standing =
  | { readonly is: 'taken' | 'pending' | 'denied'; readonly approval: Approval }
  | { readonly is: 'impossible'; readonly why: string }

/** HAS A PERSON SAID YES? Durable, and shared by all gateways on one state. */
export interface Approvals {
  /** Takes a consent that is there for exactly this, once for all gateways; else finds the question, or asks it. Throws `store_unavailable`. */
  consent(question: Question): Promise<Standing>
  /** Waits until it is not pending any more: true; false when it took too long or nobody waits. Throws `not_found`, `store_unavailable`. */
  answered(id: string, hold: Hold): Promise<boolean>
  /** The task is over: what was asked for it can be met no more, answered or not. Throws `store_unavailable`. */
  close(taskId: string): Promise<void>
  /** What is bound to this is not asked any more: it was settled in another way. Throws `store_unavailable`. */
  withdraw(binding: string): Promise<void>
  /** Throws `not_found`, `conflict` where it is not pending any more, `not_approver`, `invalid_argument`. */
  grant(id: string, answerer: Answerer): Promise<Approval>
  deny(id: string, answerer: Answerer): Promise<Approval>
  /** From now on the people of the role may answer too, and their webhooks are asked; once, while it is pending. Throws `not_found`. */
  escalate(id: string, role: string): Promise<void>
  /** Throws `not_found`, also where `person` is given and is not asked. */
  get(id: string, person?: string): Promise<Approval>
  /** Throws `not_found`, also where it is another task's. */
  ofTask(taskId: string, id: string): Promise<Approval>
  list(filter: ApprovalFilter): ReturnType<typeof listApprovals>
  /** A question as it went to a webhook. Throws `not_found`, also where that webhook was not asked. */
  asked(id: string, webhook: string): Promise<Delivery>
}

/** What asking and answering go by. */
export interface ApprovalRules {
  now(): number
  readonly roles: Roles
  readonly seconds: number
  readonly most: MostTerms
  readonly webhooks?: readonly Webhook[]
  readonly escalation?: EscalationRule
}

/**
 * Reads what is open and follows its changes. `seconds` is how long a question waits, and a consent for being used; `most` is what one
 * consent may be for. What asks the person of a webhook waits in the outbox from the moment it is asked.
 */
export async function openApprovals(store: Store, rules: ApprovalRules): Promise<Approvals> {
  const { now, roles, seconds, most, webhooks = [], escalation } = rules
  const open = createOpenQuestions(now)
  const waiting = createWaiting()
  const note = (rows: readonly ApprovalRow[]): void => {
    for (const row of rows) {
      const approval = approvalOf(row, now())
      open.note(approval, row.binding)
      if (approval.state !== 'pending') waiting.tell(approval.id)
    }
  }
  store.watch('approval', async (ids) => {
    note(await store.db.selectFrom('approvals').selectAll().where('id', 'in', ids).execute())
  })
  note(await store.db.selectFrom('approvals').selectAll().where('expires_at', '>', now()).orderBy('created_at').execute())
  return {
    consent,
    answered,
    get,
    ofTask,
    asked,
    list: (filter) => listApprovals(store.db, filter, now()),
    grant: (id, answerer) => answer(id, 'yes', answerer),
    deny: (id, answerer) => answer(id, 'no', answerer),
    close,
    withdraw: (binding) => expire('binding', binding),
    escalate,
  }

  async function consent(question: Question): Promise<Standing> {
    const why = whyUnmeetable(question.approver, roles)
    if (why !== undefined) return { is: 'impossible', why }
    const known = open.find(question.binding)
    if (known?.state === 'denied' && (question.again ?? known.id) === known.id) return { is: 'denied', approval: known }
    if (question.anyBodyBinding !== undefined && open.find(question.anyBodyBinding) !== undefined)
      return store.write((tx, changed) => settle(tx, changed, question))
    if (known?.state === 'pending' && (question.again ?? known.id) === known.id) return { is: 'pending', approval: known }
    const pending = open.pendingOf(question.shown.taskId)
    if (known === undefined && question.again === undefined && pending >= MOST_PENDING_OF_A_TASK)
      return { is: 'impossible', why: `${pending} questions of this task wait for an answer already.` }
    return store.write((tx, changed) => settle(tx, changed, question))
  }

  async function close(taskId: string): Promise<void> {
    if (open.hasOf(taskId)) await expire('task_id', taskId)
  }

  async function expire(of: 'task_id' | 'binding', what: string): Promise<void> {
    await store.write(async (tx, changed) => {
      const closed = await tx
        .updateTable('approvals')
        .set({ expires_at: now() })
        .where(of, '=', what)
        .where('state', 'in', ['pending', 'granted'])
        .where('expires_at', '>', now())
        .returning('id')
        .execute()
      for (const { id } of closed) changed('approval', id)
    })
  }

  async function get(id: string, person?: string): Promise<Approval> {
    const approval = approvalOf(await rowOf(store.db, id), now())
    if (person === undefined || mayAnswer(person, approval, roles)) return approval
    throw new StintError('not_found', `there is no approval ${id}`)
  }

  async function ofTask(taskId: string, id: string): Promise<Approval> {
    const approval = await get(id)
    if (approval.taskId === taskId) return approval
    throw new StintError('not_found', `there is no approval ${id}`)
  }

  async function asked(id: string, webhook: string): Promise<Delivery> {
    const row = await rowOf(store.db, id)
    const found = await store.db
      .selectFrom('approval_deliveries')
      .select('message_id')
      .where('approval_id', '=', id)
      .where('webhook', '=', webhook)
      .executeTakeFirst()
    if (found === undefined) throw new StintError('not_found', `${webhook} was not asked about approval ${id}`)
    return {
      approval: approvalOf(row, now()),
      binding: keptOf(row).askedBinding ?? row.binding,
      webhook,
      messageId: found.message_id,
    }
  }

  /** Looks at the row once more after it is heard of: the answer may have come in between. */
  async function answered(id: string, hold: Hold): Promise<boolean> {
    const told = waiting.wait(id, hold)
    if (approvalOf(await rowOf(store.db, id), now()).state !== 'pending') waiting.tell(id)
    return told
  }

  /** In the one transaction that writes now, whichever process makes it: what memory said may be over. */
  async function settle(tx: Tx, changed: Changed, question: Question): Promise<Standing> {
    const { binding, anyBodyBinding, again } = question
    const row = await latest(tx, binding)
    const any = row?.state === 'granted' || anyBodyBinding === undefined ? undefined : await latest(tx, anyBodyBinding)
    if (again !== undefined && row?.id !== again && any?.id !== again) return OVER
    if (row?.state === 'denied') return { is: 'denied', approval: approvalOf(row, now()) }
    for (const one of [row, any])
      if (one?.state === 'granted' && (await take(tx, changed, one))) return { is: 'taken', approval: approvalOf(one, now()) }
    return { is: 'pending', approval: row === undefined ? await ask(tx, changed, question) : approvalOf(row, now()) }
  }

  async function latest(tx: Tx, binding: string): Promise<ApprovalRow | undefined> {
    const open = tx.selectFrom('approvals').selectAll().where('expires_at', '>', now()).where('state', '!=', 'used')
    return open.where('binding', '=', binding).orderBy('created_at', 'desc').limit(1).executeTakeFirst()
  }

  /** Compare and set: of all who try, as many succeed as there are uses left. */
  async function take(tx: Tx, changed: Changed, { id, uses_left }: ApprovalRow): Promise<boolean> {
    const { numUpdatedRows } = await tx
      .updateTable('approvals')
      .set({ uses_left: uses_left - 1, state: uses_left > 1 ? 'granted' : 'used' })
      .where('id', '=', id)
      .where('state', '=', 'granted')
      .where('uses_left', '=', uses_left)
      .where('expires_at', '>', now())
      .executeTakeFirst()
    if (numUpdatedRows !== 1n) return false
    changed('approval', id)
    return true
  }

  async function ask(tx: Tx, changed: Changed, question: Question): Promise<Approval> {
    const { binding, anyBodyBinding, approver, shown, neverEscalates } = question
    const time = now()
    const row: ApprovalRow = {
      ...{ id: newApprovalId(), binding, task_id: shown.taskId, state: 'pending', uses_left: 0, created_at: time },
      expires_at: Math.min(time + seconds * 1000, shown.taskExpiresAt),
      record_json: JSON.stringify({ ...shown, approver, answers: [], anyBodyBinding }),
    }
    await tx.insertInto('approvals').values(row).execute()
    const approval = approvalOf(row, time)
    const later = escalation === undefined || neverEscalates ? [] : escalationOf(approval, escalation)
    const deliveries = [...deliveriesOf(approval, webhooks, roles), ...later]
    if (deliveries.length > 0) await tx.insertInto('approval_deliveries').values(deliveries).execute()
    changed('approval', row.id)
    return approval
  }

  async function escalate(id: string, role: string): Promise<void> {
    await store.write(async (tx, changed) => {
      if (await widen(tx, await rowOf(tx, id), role, rules)) changed('approval', id)
    })
  }

  async function answer(id: string, said: Answer['said'], answerer: Answerer): Promise<Approval> {
    return store.write(async (tx, changed) => {
      const next = answerRow(await rowOf(tx, id), said, answerer, { roles, now: now(), most })
      const { binding, state, uses_left, expires_at, record_json } = next
      await tx.updateTable('approvals').set({ binding, state, uses_left, expires_at, record_json }).where('id', '=', id).execute()
      changed('approval', id)
      return approvalOf(next, now())
    })
  }
}

const OVER: Standing = {
  is: 'impossible',
  why: 'What people were asked is over: their consent was used, or its time ran out. Send the request without its state to ask anew.',
}

type Tx = Parameters<Work<unknown>>[0]
type Changed = Parameters<Work<unknown>>[1]

async function rowOf(db: Store['db'], id: string): Promise<ApprovalRow> {
  const row = await db.selectFrom('approvals').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw new StintError('not_found', `there is no approval ${id}`)
  return row
}

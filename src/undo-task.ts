import { randomBytes } from 'node:crypto'
import type { Recorder } from './audit/record.ts'
import { undoRequest, whyNotUndone } from './credentials/undo.ts'
import { StintError } from './errors.ts'
import type { InnerAnswer } from './gateway/ask-inner.ts'
import type { InnerRequest } from './gateway/inner-arrival.ts'
import type { Caller, Task, TaskWish } from './model.ts'
import { type PlanVerbs, type Prepared, planUndo, spellPlace, UNDONE, type UndoPlan } from './undo-plan.ts'

/** What became of an apply. The steps are entries; those of `done` were undone now, in this order. */
export interface Undoing {
  readonly taskId: string
  /** The task that the steps were done in; absent where there was nothing left to do. */
  readonly undoTaskId?: string
  readonly done: readonly number[]
  /** The first step that was refused, or did not do what it should. Nothing after it was tried. */
  readonly stopped?: { readonly entry: number; readonly why: string }
  /** Steps that are still to do. */
  readonly left: number
}

/** What undoing needs of the rooms. */
export interface UndoVerbs extends PlanVerbs, Pick<Recorder, 'recordAct'> {
  /** Throws `not_found`. */
  task(id: string): Promise<Task>
  /** As any task of an operator is started. Throws what that throws. */
  start(wish: TaskWish, caller: Caller): Promise<Task>
  end(id: string, reason: string): Promise<unknown>
  /** gateway/: decided, recorded and sent as if it had arrived from the caller. Never rejects. */
  ask(request: InnerRequest): Promise<InnerAnswer>
  /** Epoch milliseconds. */
  now(): number
}

/** Undoes what tasks did. */
export interface UndoTask {
  /** Throws `not_found`, `invalid_argument`. */
  plan(id: string): Promise<UndoPlan>
  /** Does exactly the plan that has this digest, newest first, up to the first refusal. Throws `conflict` for another plan, `not_found`. */
  apply(id: string, digest: string, caller: Caller): Promise<Undoing>
}

/** How long one apply goes on, waiting for people included: its client has an answer before it gives up. */
const PATIENCE_MS = 45_000

/** Undoing over the rooms: each step is a request of a new task of the operator, decided and recorded like every other. */
export function createUndoTask(verbs: UndoVerbs): UndoTask {
  const going = new Set<string>()
  return { plan, apply }

  async function plan(id: string): Promise<UndoPlan> {
    await verbs.task(id)
    return (await planUndo(verbs, id)).plan
  }

  async function apply(id: string, digest: string, caller: Caller): Promise<Undoing> {
    if (going.has(id)) throw new StintError('conflict', `${id} is being undone already`)
    going.add(id)
    try {
      const { purpose } = await verbs.task(id)
      const { plan: planned, prepared } = await planUndo(verbs, id)
      if (planned.digest !== digest)
        throw new StintError('conflict', `this is not the plan any more; look at it again with \`stint task undo ${id} --plan\``)
      const steps = prepared.filter(({ isUndone }) => !isUndone)
      return steps.length === 0 ? { taskId: id, done: [], left: 0 } : await undo({ id, purpose }, steps, caller)
    } finally {
      going.delete(id)
    }
  }

  async function undo(of: Pick<Task, 'id' | 'purpose'>, steps: readonly Prepared[], caller: Caller): Promise<Undoing> {
    const task = await verbs.start(wishOf(of, steps), caller)
    const until = verbs.now() + PATIENCE_MS
    const done: number[] = []
    let stopped: Undoing['stopped']
    try {
      const { owner } = task
      await verbs.recordAct({ action: 'stint:Task::start', caller, owner, task: task.id, subject: `undo of ${of.id}` })
      for (const step of steps) {
        const left = until - verbs.now()
        const why = left > 0 ? await carryOut(step, task, left) : 'there was no time left for it; apply the same plan again'
        if (why !== undefined) {
          stopped = { entry: step.entry, why }
          break
        }
        await recordUndone(of.id, step, { task, caller })
        done.push(step.entry)
      }
    } finally {
      await verbs.end(task.id, stopped === undefined ? `undid ${of.id}` : `stopped at entry ${stopped.entry}`)
    }
    const left = steps.length - done.length
    return { taskId: of.id, undoTaskId: task.id, done, left, ...(stopped && { stopped }) }
  }

  /** Undefined when it is undone, else why not. */
  async function carryOut({ place, undo }: Prepared, task: Task, patienceMs: number): Promise<string | undefined> {
    const { path, method, headers, body } = undoRequest(undo)
    const { workload, proof, keyThumbprint } = task
    const caller: Caller = { id: workload, proof, issuer: 'stint', keyThumbprint, taskId: task.id, actors: [], claims: {} }
    const url = `${spellPlace(place)}${path}`
    const fields = { ...headers, prefer: `wait=${Math.floor(patienceMs / 1000)}` }
    const answer = await verbs.ask({ method, url, headers: fields, caller, ...(body !== undefined && { body }) })
    return answer.status === 0 ? 'it was broken off; whether the target did it is not known' : whyNotUndone(undo, answer)
  }

  async function recordUndone(id: string, { entry, target, undoes }: Prepared, by: { task: Task; caller: Caller }) {
    const details = { entry: String(entry), by: by.task.id }
    const subject = `${undoes.id} ${undoes.resource}`
    await verbs.recordAct({ action: UNDONE, caller: by.caller, owner: by.task.owner, task: id, target, subject, details })
  }
}

/** No more than the steps take. Nobody has the key that it is bound to: the task has no token that could be used. */
function wishOf({ id, purpose }: Pick<Task, 'id' | 'purpose'>, steps: readonly Prepared[]): TaskWish {
  return {
    purpose: `undo ${id}: ${purpose}`.slice(0, 500),
    targets: [...new Set(steps.map(({ target }) => target))],
    actions: [...new Set(steps.map(({ undoes }) => undoes.id))],
    keyThumbprint: randomBytes(32).toString('base64url'),
  }
}

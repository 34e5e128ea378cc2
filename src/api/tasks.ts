import { z } from 'zod'
import { StintError } from '../errors.ts'
import type { Task, TaskWish } from '../model.ts'
import { type Asking, callerOf, endpoint, SERVER_CLOSING } from './endpoint.ts'
import {
  because,
  byName,
  startChild as childWish,
  DONE,
  done,
  pageOf,
  raiseBudget,
  shownTask,
  startedTask,
  startTask,
  task,
  taskFilter,
  taskRoot,
  taskToken,
  undoing,
  undoPlan,
} from './schemas.ts'
import type { ApiVerbs } from './verbs.ts'

/** A repeated start answers the task it started, with a new token. */
const AGAIN = {
  fields: ['token'],
  again: async (verbs: ApiVerbs, stored: unknown) => {
    const { task: kept, gateway } = startedTask.omit({ token: true }).parse(stored)
    return { task: kept, gateway, ...(await verbs.tasks.renew(kept.id)) }
  },
}

export const start = endpoint({
  summary: 'Starts a task and answers its first token.',
  body: startTask,
  response: startedTask,
  status: 201,
  reissue: AGAIN,
  handle: (verbs, { body }, asking) => verbs.tasks.start(refuseOwnProof(body, asking), callerOf(asking)),
})

export const startChild = endpoint({
  summary: 'Starts a task below this one, of no more than its scope, time and labels allow; it ends with this one.',
  params: byName,
  body: childWish,
  response: startedTask,
  status: 201,
  reissue: AGAIN,
  handle: (verbs, { params, body }, asking) => verbs.tasks.startChild(params.id, body, callerOf(asking)),
})

/** A federated caller is what its token says; only a runner on this machine says how it will prove its workload. */
function refuseOwnProof(body: TaskWish, asking: Asking): TaskWish {
  const { proof, keyThumbprint } = callerOf(asking)
  if (proof !== 'federated') return body
  if (body.proof !== undefined || body.supervised === true)
    throw new StintError('invalid_argument', '`proof` and `supervised` are for runners on the machine of Stint itself')
  if (keyThumbprint !== undefined && keyThumbprint !== body.keyThumbprint)
    throw new StintError('invalid_argument', '`keyThumbprint` is not the key that the DPoP header proves')
  return body
}

export const list = endpoint({
  summary: 'Tasks, newest first.',
  query: taskFilter,
  response: pageOf(task),
  handle: (verbs, { query }) => verbs.tasks.list(query),
})

export const show = endpoint({
  summary: 'One task, and the tasks above and below it.',
  params: byName,
  response: shownTask,
  handle: (verbs, { params }) => verbs.tasks.show(params.id),
})

export const end = endpoint({
  summary: 'Ends a task; everything under it stops.',
  params: byName,
  body: because.partial(),
  response: task,
  handle: (verbs, { params, body }, asking) => verbs.tasks.end(params.id, body.reason ?? 'ended by request', callerOf(asking)),
})

export const raise = endpoint({
  summary: 'Raises budgets of a task; where one had paused it, it goes on.',
  params: byName,
  body: raiseBudget,
  response: shownTask,
  handle: (verbs, { params, body }) => verbs.tasks.raise(params.id, body.raise),
})

export const planUndo = endpoint({
  summary: 'What the task changed: what can be undone, by what, and what cannot and why.',
  params: byName,
  response: undoPlan,
  handle: (verbs, { params }) => verbs.tasks.undo.plan(params.id),
})

export const applyUndo = endpoint({
  summary: 'Undoes what the task did as its plan says, newest first, in a task of its own, up to the first step that is refused.',
  params: byName,
  body: z.strictObject({ plan: z.string().regex(/^[0-9a-f]{64}$/, 'takes the `digest` of a plan') }).meta({ id: 'ApplyUndo' }),
  response: undoing,
  handle: (verbs, { params, body }, asking) => verbs.tasks.undo.apply(params.id, body.plan, callerOf(asking)),
})

export const renew = endpoint({
  summary: 'A new token for the key of the task.',
  params: byName,
  response: taskToken,
  reissue: { fields: ['token'], again: (verbs, _stored, { params }) => verbs.tasks.renew(byName.parse(params).id) },
  handle: (verbs, { params }) => verbs.tasks.renew(params.id),
})

export const registerRoot = endpoint({
  summary: 'Names the process at the top of the tree of the task, so that operator acts from inside it are refused.',
  params: byName,
  body: taskRoot,
  response: done,
  handle: async (verbs, { params, body }) => {
    await verbs.tasks.registerRoot(params.id, body)
    return DONE
  },
})

const presenceEvent = z.object({ event: z.enum(['attending', 'ended']), task }).meta({ id: 'PresenceEvent' })

export const presence = endpoint({
  summary: 'Held open by the runner of a supervised task; its loss ends the task after the grace.',
  params: byName,
  response: presenceEvent,
  produces: 'stream',
  handle: async (verbs, { params }, { signal }) => {
    const found = await verbs.tasks.get(params.id)
    const ended = Promise.withResolvers<Task>()
    const leave = verbs.tasks.attend(params.id, ended.resolve)
    return attending(found, ended.promise, leave, signal)
  },
})

/** Leaves when the runner is gone. Not when the server stops: the task survives a restart, and its runner comes back. */
async function* attending(
  task: Task,
  ended: Promise<Task>,
  leave: () => void,
  signal: AbortSignal,
): AsyncGenerator<{ event: 'attending' | 'ended'; task: Task }> {
  try {
    yield { event: 'attending', task }
    const after = await Promise.race([ended, whenAborted(signal)])
    if (after !== undefined) yield { event: 'ended', task: after }
  } finally {
    if (signal.reason !== SERVER_CLOSING) leave()
  }
}

function whenAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((done) => {
    if (signal.aborted) done(undefined)
    else signal.addEventListener('abort', () => done(undefined), { once: true })
  })
}

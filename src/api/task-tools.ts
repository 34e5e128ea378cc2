import { z } from 'zod'
import { asStintError, problem, StintError } from '../errors.ts'
import type { Access, Caller } from '../model.ts'
import { name, shownTask, startChild, startedTask, task, words } from './schemas.ts'
import type { ApiVerbs } from './verbs.ts'

type Answer = Readonly<Record<string, unknown>>
type Verbs = Pick<ApiVerbs, 'authorize' | 'tasks'>

/** An act that a task may do on itself and its children, as a tool. */
interface Tool {
  readonly description: string
  readonly input: z.ZodObject
  readonly action: string
  readonly access: Access
  /** The path under /v1 that it is decided about, which begins with the caller's own task. */
  resource(own: string, given: unknown): string
  run(verbs: Verbs, own: string, given: unknown, caller: Caller): Promise<Answer>
}

const ending = z.strictObject({ task: name, reason: words(500).exactOptional() })
const nothing = z.strictObject({})

/** Every tool of Stint's own MCP server. Each is the act of the API of the same meaning, and decided and recorded as that. */
const TOOLS: Readonly<Record<string, Tool>> = {
  start_child_task: {
    description:
      'Starts a task below this one, of no more than its targets, actions, time and budget. Answers the token to act with, which only the holder of the key with that thumbprint can use.',
    input: z.strictObject(startChild.shape), // without its name: clients want the object itself at the top of a tool's schema
    action: 'stint:Task::delegate',
    access: 'write',
    resource: (own) => `tasks/${own}/children`,
    run: async (verbs, own, given, caller) =>
      startedTask.parse(await verbs.tasks.startChild(own, startChild.parse(given), caller)),
  },
  end_child_task: {
    description: 'Ends a task below this one; everything under it stops.',
    input: ending,
    action: 'stint:Task::end',
    access: 'write',
    resource: (own, given) => `tasks/${own}/children/${ending.parse(given).task}`,
    async run(verbs, own, given, caller) {
      const { task: id, reason = 'ended by its parent' } = ending.parse(given)
      const { ancestors } = await verbs.tasks.show(id)
      if (!ancestors.includes(own)) throw new StintError('not_found', `there is no task ${id} below this one`)
      return task.parse(await verbs.tasks.end(id, reason, caller))
    },
  },
  show_task: {
    description:
      'Shows this task: its purpose, scope, time, labels, budgets and what is used of them, and the tasks above and below.',
    input: nothing,
    action: 'stint:Task::show',
    access: 'read',
    resource: (own) => `tasks/${own}`,
    run: async (verbs, own) => shownTask.parse(await verbs.tasks.show(own)),
  },
}

/** As a client is shown them. */
export const TASK_TOOLS = Object.entries(TOOLS).map(([tool, { description, input }]) => ({
  ...{ name: tool, description },
  inputSchema: z.toJSONSchema(input, { io: 'input' }),
}))

/**
 * Calls one for the task of the caller, decided and recorded first; undefined for a tool that there is not. What is refused, or fails, is a
 * problem document.
 */
export async function callTaskTool(
  verbs: Verbs,
  { tool, given, caller, correlationId }: { tool: string; given: Answer; caller: Caller; correlationId: string },
): Promise<{ isError: boolean; value: Answer } | undefined> {
  const one = Object.hasOwn(TOOLS, tool) ? TOOLS[tool] : undefined
  const own = caller.taskId
  if (one === undefined || own === undefined) return undefined
  const { success, error } = one.input.safeParse(given)
  const failed = (thrown: unknown) => {
    const { code, detail } = asStintError(thrown)
    return { isError: true, value: { ...problem(code, detail, { correlationId }) } }
  }
  if (!success) return failed(new StintError('invalid_argument', error.issues.map(sayIssue).join('; ').slice(0, 500)))
  const { action, access } = one
  const asked = { correlationId, caller, action, access, resource: one.resource(own, given), record: access !== 'read' }
  try {
    const refusal = await verbs.authorize({ ...asked, parameters: factsOf(given) })
    if (refusal === undefined) return { isError: false, value: await one.run(verbs, own, given, caller) }
    const { code, detail, reasons } = refusal
    return { isError: true, value: { ...problem(code, detail, { correlationId, reasons }) } }
  } catch (thrown) {
    return failed(thrown)
  }
}

function sayIssue({ path, message }: z.core.$ZodIssue): string {
  return path.length > 0 ? `\`${path.join('.')}\`: ${message}` : message
}

function factsOf(given: Answer): Record<string, string> {
  const texts = Object.entries(given).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)])
  return Object.fromEntries(texts.map(([key = '', value = '']) => [key, value.slice(0, 1000)]))
}

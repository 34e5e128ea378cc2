import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import type { Undoing, UndoPlan } from '../api/verbs.ts'
import { StintError } from '../errors.ts'
import type { CommandContext } from './command.ts'
import { table } from './table.ts'

interface UndoOptions {
  readonly plan?: string | true
  readonly apply?: true
}

/** `stint task undo`. */
export function registerUndo(task: Command, context: CommandContext): void {
  task
    .command('undo <task>')
    .description('show what of a task can be undone, and undo it')
    .option('--plan [digest]', 'show what can be undone, and what cannot; with --apply the plan to do, by its digest')
    .option('--apply', 'undo it, newest first, up to the first step that is refused')
    .addHelpText(
      'after',
      `
Each step is a request of a new task of yours: policies decide it, the log has it. A ref goes back only from where the task put it.

Example:
  $ stint task undo task_1 --plan
  $ stint task undo task_1 --apply --plan DIGEST`,
    )
    .action(async (id: string, { plan: digest, apply }: UndoOptions) => {
      const { call, output } = context
      const path = `/v1/tasks/${encodeURIComponent(id)}/undo`
      if (apply === undefined) {
        if (typeof digest === 'string') throw new StintError('invalid_argument', 'a digest is for --apply --plan DIGEST')
        return output.print(await call<UndoPlan>('GET', path), describePlan)
      }
      const plan = typeof digest === 'string' ? digest : await agreed(await call<UndoPlan>('GET', path), context)
      if (plan === undefined) return output.say('Nothing was done.')
      const undoing = await call<Undoing>('POST', path, { plan })
      output.print(undoing, describeUndoing)
      if (undoing.stopped !== undefined) process.exitCode = 1
    })
}

/** The digest of a plan that the person at the terminal says yes to. Throws `invalid_argument` where there is nobody to ask. */
async function agreed(plan: UndoPlan, { output }: CommandContext): Promise<string | undefined> {
  if (!process.stdin.isTTY || output.json)
    throw new StintError('invalid_argument', 'say which plan: look at it with --plan, then give --apply --plan DIGEST')
  output.say(describePlan(plan))
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await asking.question('Undo this? Type yes: ')).trim() === 'yes' ? plan.digest : undefined
  } finally {
    asking.close()
  }
}

function describePlan({ taskId, digest, steps, others }: UndoPlan): string {
  const rows = steps.map(({ entry, target, did, undoes, isUndone }) => [
    ...[String(entry), target, `${did.id} ${did.resource}`],
    isUndone ? 'undone already' : `${undoes.id} ${undoes.resource}`,
  ])
  const not = others.map(({ entry, target, did, why }) => [String(entry), target, `${did.id} ${did.resource}`, why])
  const isLeft = steps.some(({ isUndone }) => !isUndone)
  return [
    table(['ENTRY', 'TARGET', 'IT DID', 'UNDONE BY'], rows, 'Nothing that it did can be undone here.'),
    ...(not.length === 0 ? [] : ['', table(['ENTRY', 'TARGET', 'IT DID', 'CANNOT BE UNDONE'], not, '')]),
    ...(isLeft ? ['', `Undo it with stint task undo ${taskId} --apply --plan ${digest}`] : []),
  ].join('\n')
}

function describeUndoing({ undoTaskId, done, stopped, left }: Undoing): string {
  if (undoTaskId === undefined) return 'Nothing is left to undo.'
  const lines = [`${undoTaskId} undid ${done.length} of ${done.length + left} steps.`]
  if (stopped !== undefined) lines.push(`Stopped at entry ${stopped.entry}: ${stopped.why}`, `See stint task show ${undoTaskId}`)
  return lines.join('\n')
}

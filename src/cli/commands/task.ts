import type { Command } from 'commander'
import { Option } from 'commander'
import type { Page, ShownTask, StartedTask } from '../../api/verbs.ts'
import type { FoundEntry } from '../../audit/search.ts'
import type { Task } from '../../model.ts'
import { parseDuration } from '../../run/duration.ts'
import { describeBudget, readBudget } from '../budget.ts'
import type { CommandContext, Register } from '../command.ts'
import { addList } from '../list.ts'
import { facts, fromNow, table } from '../table.ts'
import { openTaskKey } from '../task-key.ts'
import { drawTimeline } from '../timeline.ts'
import { registerUndo } from '../undo.ts'

interface StartOptions {
  readonly task: string
  readonly target: readonly string[]
  readonly action: readonly string[]
  readonly ttl?: string
  readonly owner?: string
  readonly ticket?: string
  readonly label: readonly string[]
  readonly budget?: string
  readonly key: string
  readonly parent?: string
}

/** `stint task list | show | start | budget | undo | end`. */
export const register: Register = (program, context) => {
  const task = program.command('task').description('tasks: who does what for whom, until when')
  registerList(task, context)
  registerShow(task, context)
  registerStart(task, context)
  registerBudget(task, context)
  registerUndo(task, context)
  task
    .command('end <task>')
    .description('end a task; everything under it stops at once')
    .option('--reason <text>', 'why, for the log', 'ended by the operator')
    .action(async (id: string, { reason }: { reason: string }) => {
      const ended = await context.call<Task>('POST', `${pathOf(id)}/end`, { reason })
      context.output.print(ended, (one) => `${one.id} is ${one.state}.`)
    })
}

function registerBudget(task: Command, { call, output }: CommandContext): void {
  task
    .command('budget <task>')
    .description('show what a task may use and has used, or raise it: a task that was paused goes on')
    .option('--raise <amounts>', 'by how much: writes=+10, or several with commas between')
    .option('--reason <text>', 'why, for the log')
    .action(async (id: string, { raise, reason }: { raise?: string; reason?: string }) => {
      const body = raise && { raise: readBudget(raise.replaceAll('=+', '='), '--raise'), ...(reason !== undefined && { reason }) }
      const shown = body ? await call<ShownTask>('POST', `${pathOf(id)}/budget`, body) : await call<ShownTask>('GET', pathOf(id))
      output.print({ task: shown.id, budgets: shown.budgets }, ({ budgets }) =>
        budgets.length === 0 ? 'It has no budget of its own.' : budgets.map(describeBudget).join('\n'),
      )
    })
}

/** A task, and a page of its entries in the log. */
interface Shown extends ShownTask {
  readonly timeline: Page<FoundEntry>
}

function registerShow(task: Command, { call, output }: CommandContext): void {
  task
    .command('show <task>')
    .description('show one task, and what it did, in order')
    .option('--limit <number>', 'the newest so many entries of the log', '50')
    .option('--before <entry>', 'go on before this entry: `next` of the page shown')
    .action(async (id: string, { limit, before }: { limit: string; before?: string }) => {
      const query = new URLSearchParams({ task: id, limit, ...(before !== undefined && { cursor: before }) })
      const found = await call<ShownTask>('GET', pathOf(id))
      const timeline = await call<Page<FoundEntry>>('GET', `/v1/audit/entries?${query}`)
      output.print<Shown>({ ...found, timeline }, (shown) => [describe(shown), '', ...drawPage(shown)].join('\n'))
    })
}

function drawPage({ id, timeline: { items, next } }: Shown): string[] {
  const earlier = next === undefined ? [] : ['', `Earlier with stint task show ${id} --before ${next}`]
  return [drawTimeline(items), ...earlier]
}

function registerList(task: Command, context: CommandContext): void {
  const states = new Option('--state <state>', 'which ones').choices(['live', 'ended', 'expired', 'revoked', 'any'])
  const list = task.command('list').description('list tasks, newest first').addOption(states.default('live'))
  list.option('--owner <person>', 'of this owner only').option('--parent <task>', 'started by this task only')
  addList<Task>(list, context, {
    ...{ path: '/v1/tasks', limit: 50, text: listing },
    queryOf: ({ state, owner, parent }) => ({
      ...(state !== undefined && state !== 'any' && { state }),
      ...(owner !== undefined && { owner }),
      ...(parent !== undefined && { parentId: parent }),
    }),
  })
}

function registerStart(task: Command, { call, output }: CommandContext): void {
  task
    .command('start')
    .description('start a task for a program that brings its own key; most want `stint run` instead')
    .requiredOption('--task <purpose>', 'what it is for, in words')
    .requiredOption('--target <target>', 'a target it may act on; repeatable', append)
    .requiredOption('--key <file>', 'the private key (JWK, P-256) its token is bound to; made if it is not there')
    .option('--action <id>', 'an action it may do, or a prefix with *; repeatable (default: all)', append)
    .option('--ttl <duration>', 'its life: 90s, 15m, 2h')
    .option('--owner <person>', 'the human who answers for it')
    .option('--parent <task>', 'the task it is a part of: it narrows what that one may do, and ends with it')
    .option('--budget <amounts>', 'what it may use: requests=100,writes=5; after that its owner is asked for more')
    .option('--ticket <text>', 'the ticket it is done for')
    .option('--label <text>', 'a label for policies; repeatable', append, [])
    .addHelpText(
      'after',
      `
The answer holds the token. It is useless without the key: every request needs a DPoP proof (RFC 9449).

Example:
  $ stint task start --task "nightly sync" --target github --key ./task-key.json --ttl 30m --json`,
    )
    .action(async (options: StartOptions) => {
      const keyThumbprint = await openTaskKey(options.key)
      const path = options.parent === undefined ? '/v1/tasks' : `${pathOf(options.parent)}/children`
      output.print(await call<StartedTask>('POST', path, { ...wish(options), keyThumbprint }), describeStarted)
    })
}

function wish({ task, target, action, ttl, owner, ticket, label, budget }: StartOptions) {
  return {
    purpose: task,
    targets: target,
    actions: action ?? ['*'],
    labels: label,
    ...(ttl !== undefined && { ttlSeconds: parseDuration(ttl, '--ttl') }),
    ...(owner !== undefined && { owner }),
    ...(ticket !== undefined && { ticket }),
    ...(budget !== undefined && { budget: readBudget(budget, '--budget') }),
  }
}

function listing({ items }: Page<Task>): string {
  const now = Date.now()
  const rows = items.map((one) => [
    one.id,
    one.state,
    when(one, now),
    one.owner,
    one.parentId ?? '',
    one.scope.targets.join(' '),
    one.purpose,
  ])
  return table(['TASK', 'STATE', 'WHEN', 'OWNER', 'PARENT', 'TARGETS', 'PURPOSE'], rows, 'No tasks. Start one with `stint run`.')
}

function when(task: Task, now: number): string {
  return task.state === 'live' ? `ends ${fromNow(task.expiresAt, now)}` : fromNow(task.endedAt ?? task.expiresAt, now)
}

function describe(task: ShownTask): string {
  return facts([
    ['task', task.id],
    ['purpose', task.purpose],
    ['state', task.endReason === undefined ? task.state : `${task.state}: ${task.endReason}`],
    ['owner', task.owner],
    ['workload', `${task.workload} (${task.proof})`],
    ['targets', task.scope.targets.join(' ')],
    ['actions', task.scope.actions.join(' ')],
    ['ticket', task.ticket],
    ['labels', task.labels.join(' ') || undefined],
    ['chain', task.ancestors.length === 0 ? undefined : [task.owner, ...task.ancestors.toReversed(), task.id].join(' › ')],
    ...task.budgets.map((one): [string, string] => ['budget', describeBudget(one)]),
    ['children', task.children.join(' ') || undefined],
    ['started', new Date(task.startedAt).toISOString()],
    ['expires', new Date(task.expiresAt).toISOString()],
  ])
}

function describeStarted({ task, token, tokenExpiresAt, gateway }: StartedTask): string {
  return facts([
    ['task', task.id],
    ['gateway', gateway],
    ['token', token],
    ['renew', `before ${new Date(tokenExpiresAt).toISOString()}`],
    ['expires', new Date(task.expiresAt).toISOString()],
  ])
}

function pathOf(id: string): string {
  return `/v1/tasks/${encodeURIComponent(id)}`
}

function append(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

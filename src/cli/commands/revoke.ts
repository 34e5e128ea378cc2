import { setTimeout as sleep } from 'node:timers/promises'
import type { LeaseListing, Page } from '../../api/verbs.ts'
import { StintError } from '../../errors.ts'
import type { Receipt } from '../../killswitch.ts'
import type { Revocation, Selector } from '../../model.ts'
import type { CommandContext, Register } from '../command.ts'
import { addList } from '../list.ts'
import { facts, fromNow, table } from '../table.ts'

const KINDS = ['task', 'caller', 'owner', 'target', 'credential'] as const

const POLL_MS = 250
const WAIT_SECONDS = 120

type RevokeOptions = { readonly [K in (typeof KINDS)[number]]?: string } & {
  readonly all?: true
  readonly reason?: string
  readonly wait?: true
}

/** `stint revoke`: the kill switch; `list` and `lift`. */
export const register: Register = (program, context) => {
  const revoke = program
    .command('revoke')
    .description('the kill switch: deny from now on, cut what is open, and say so')
    .option('--task <task>', 'this task and its children')
    .option('--caller <id>', 'this workload, in every task')
    .option('--owner <person>', 'every task this person answers for')
    .option('--target <target>', 'everything that goes to this target')
    .option('--credential <credential>', 'everything that uses this credential')
    .option('--all', 'everything')
    .option('--reason <text>', 'why, for the log')
    .option('--wait', `until what was minted is proved dead at its providers, ${WAIT_SECONDS} s at most`)
    .addHelpText(
      'after',
      `
When it answers, nothing it covers is allowed any more, and open downloads, tunnels and streams are cut. Credentials that were
minted are revoked at their providers from then on, and probed until they are dead: --wait, or \`stint lease list\`.

Examples:
  $ stint revoke --task task_01 --reason "went astray"
  $ stint revoke --owner alice --reason "left the company"
  $ stint revoke list
  $ stint revoke lift 3 --reason "drill over"`,
    )
    .action((options: RevokeOptions) => stop(options, context))
  const list = revoke.command('list').description('list revocations, newest first')
  addList<Revocation>(list, context, { path: '/v1/revocations', limit: 500, text: listing })
  revoke
    .command('lift <number>')
    .description('allow again what a revocation denied; what it ended stays ended')
    .option('--reason <text>', 'why, for the log')
    .action((number: string, options: { reason?: string }, command) =>
      lift(number, options.reason ?? command.parent?.opts().reason, context),
    )
}

async function stop(options: RevokeOptions, context: CommandContext): Promise<void> {
  const body = { selector: selectorOf(options), reason: needReason(options.reason) }
  const receipt = await context.call<Receipt>('POST', '/v1/revocations', body)
  if (options.wait === true) await untilDead(receipt.revocation.number, context)
  context.output.print(receipt, describe)
}

/** Until no lease that this revocation ended is still on its way. */
async function untilDead(number: number, context: CommandContext): Promise<void> {
  for (const until = Date.now() + WAIT_SECONDS * 1000; ; await sleep(POLL_MS)) {
    const left = await firstDying(number, context)
    if (left === undefined) return
    if (Date.now() > until)
      throw new StintError(
        'upstream_timeout',
        `revocation ${number} is in force; not all it ended is proved dead yet, such as ${left.id}; Stint goes on trying`,
      )
  }
}

/** However many others are dying too. */
async function firstDying(number: number, { call }: CommandContext): Promise<LeaseListing | undefined> {
  for (let cursor = ''; ; ) {
    const page = await call<Page<LeaseListing>>('GET', `/v1/leases?state=revoking&limit=500${cursor}`)
    const found = page.items.find(({ revocation }) => revocation === number)
    if (found !== undefined || page.next === undefined) return found
    cursor = `&cursor=${encodeURIComponent(page.next)}`
  }
}

async function lift(number: string, reason: string | undefined, { call, output }: CommandContext): Promise<void> {
  const path = `/v1/revocations/${encodeURIComponent(number)}/lift`
  const lifted = await call<Revocation>('POST', path, { reason: needReason(reason) })
  output.print(lifted, (one) => `Revocation ${one.number} (${nameOf(one.selector)}) is lifted.`)
}

function selectorOf(options: RevokeOptions): Selector {
  const named = KINDS.flatMap((kind): Selector[] => (options[kind] === undefined ? [] : [{ kind, id: options[kind] }]))
  const chosen: Selector[] = options.all ? [...named, { kind: 'all' }] : named
  const [only] = chosen
  if (only !== undefined && chosen.length === 1) return only
  throw new StintError('invalid_argument', `say what to stop with one of ${KINDS.map((kind) => `--${kind}`).join(', ')} or --all`)
}

function needReason(reason: string | undefined): string {
  if (reason !== undefined && reason !== '') return reason
  throw new StintError('invalid_argument', '--reason is missing: it is what people read in the log')
}

function describe({ revocation, cut, endedTasks, droppedLeases, gateways, unconfirmed, entry, timings }: Receipt): string {
  return facts([
    ['revocation', `${revocation.number}: ${nameOf(revocation.selector)}`],
    ['in force', `after ${timings.inForceMs} ms`],
    ['cut', `${cut} open exchanges, after ${timings.cutMs} ms`],
    ['ended', endedTasks.length > 0 ? endedTasks.join(' ') : 'no tasks'],
    ['dropped', `${droppedLeases} leases`],
    ['confirmed', gateways.map(({ id, confirmedMs }) => `${id} after ${confirmedMs} ms`).join(', ')],
    ...(unconfirmed.length > 0
      ? [['not confirmed', `${unconfirmed.join(', ')}: refuses everything by itself since, or is gone`] as const]
      : []),
    ['recorded', entry === undefined ? 'NOT RECORDED: the log could not be written' : `entry ${entry}`],
  ])
}

function listing({ items }: Page<Revocation>): string {
  const now = Date.now()
  const rows = items.map((one) => [
    String(one.number),
    one.liftedAt === undefined ? 'in force' : `lifted ${fromNow(one.liftedAt, now)}`,
    nameOf(one.selector),
    fromNow(one.at, now),
    one.reason,
  ])
  return table(['NUMBER', 'STATE', 'COVERS', 'SINCE', 'REASON'], rows, 'Nothing was ever revoked.')
}

function nameOf(selector: Selector): string {
  return selector.kind === 'all' ? 'everything' : `${selector.kind} ${selector.id}`
}

import { setTimeout as sleep } from 'node:timers/promises'
import { Option } from 'commander'
import type { LeaseListing, Page } from '../../api/verbs.ts'
import { StintError } from '../../errors.ts'
import type { CommandContext, Register } from '../command.ts'
import { addList } from '../list.ts'
import { facts, fromNow, table } from '../table.ts'

const STATES = ['minting', 'active', 'revoking', 'irrevocable', 'dead'] as const
const POLL_MS = 250
const WAIT_SECONDS = 120

/** `stint lease list | show | revoke`: credentials that were minted for a task. */
export const register: Register = (program, context) => {
  const { call, output } = context
  const lease = program
    .command('lease')
    .description('credentials minted for a task: who has them, what they reach, and that they died')
  const list = lease
    .command('list')
    .description('list them, newest first')
    .addOption(new Option('--state <state>', 'in this state only').choices(STATES))
    .option('--task <task>', 'of this task only')
    .option('--target <target>', 'of this target only')
    .option('--owner <person>', 'of this owner only')
  addList<LeaseListing>(list, context, {
    ...{ path: '/v1/leases', limit: 50, text: listing },
    queryOf: ({ state, task, target, owner }) => ({
      ...(state !== undefined && { state }),
      ...(task !== undefined && { taskId: task }),
      ...(target !== undefined && { targetId: target }),
      ...(owner !== undefined && { owner }),
    }),
  })
  lease
    .command('show <lease>')
    .description('show one, with the evidence that it is dead')
    .action(async (id: string) => output.print(await call<LeaseListing>('GET', pathOf(id)), describe))
  lease
    .command('revoke <lease>')
    .description('revoke one at its provider')
    .option('--reason <text>', 'why, for the log', 'revoked by the operator')
    .option('--wait', `until it is dead or irrevocable, ${WAIT_SECONDS} s at most`)
    .action(async (id: string, { reason, wait }: { reason: string; wait?: true }) => {
      const revoked = await call<LeaseListing>('POST', `${pathOf(id)}/revoke`, { reason })
      output.print(wait === true ? await untilSettled(revoked, context) : revoked, describe)
    })
}

async function untilSettled(first: LeaseListing, { call }: CommandContext): Promise<LeaseListing> {
  let lease = first
  for (const until = Date.now() + WAIT_SECONDS * 1000; lease.state === 'revoking'; ) {
    if (Date.now() > until)
      throw new StintError(
        'upstream_timeout',
        `${lease.id} is not proved dead yet (${lease.lastError ?? 'no answer so far'}); Stint goes on trying`,
      )
    await sleep(POLL_MS)
    lease = await call<LeaseListing>('GET', pathOf(lease.id))
  }
  return lease
}

function pathOf(id: string): string {
  return `/v1/leases/${encodeURIComponent(id)}`
}

function listing({ items }: Page<LeaseListing>): string {
  const now = Date.now()
  const rows = items.map((one) => [one.id, stateOf(one, now), one.targetId, one.taskId, one.reach[0] ?? ''])
  return table(['LEASE', 'STATE', 'TARGET', 'TASK', 'REACHES'], rows, 'Nothing was ever minted.')
}

function stateOf(lease: LeaseListing, now: number): string {
  const { state, expiresAt, irrevocableUntil, deadAt, lateAt } = lease
  if (state === 'active') return `active, until ${fromNow(expiresAt, now)}`
  if (state === 'irrevocable' && irrevocableUntil !== undefined) return `irrevocable until ${fromNow(irrevocableUntil, now)}`
  if (state === 'dead' && deadAt !== undefined) return `dead since ${fromNow(deadAt, now)}`
  return lateAt === undefined ? state : `${state}, LATE`
}

function describe(lease: LeaseListing): string {
  const now = Date.now()
  const { handle, sightings, why, lastError } = lease
  return facts([
    ['lease', lease.id],
    ['state', stateOf(lease, now)],
    ['for', `${lease.taskId} of ${lease.owner}, by ${lease.callerId}`],
    ['at', `${lease.targetId} (${lease.connector})`],
    ...lease.reach.map((sentence): [string, string] => ['reaches', sentence]),
    ...Object.entries(handle).map(([name, value]): [string, string] => ['known as', `${name} ${value}`]),
    ['asked for', fromNow(lease.requestedAt, now)],
    ...(why === undefined ? [] : [['revoked because', why] as [string, string]]),
    ...(lastError === undefined ? [] : [['last attempt', `${lastError} (attempt ${lease.attempts})`] as [string, string]]),
    ...sightings.map(({ at, saw, detail }): [string, string] => [
      'probe',
      `${saw} ${fromNow(at, now)}${detail === undefined ? '' : `: ${detail}`}`,
    ]),
  ])
}

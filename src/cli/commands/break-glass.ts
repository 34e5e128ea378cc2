import type { Command } from 'commander'
import type { Page } from '../../api/verbs.ts'
import type { SealListing } from '../../glass/glass.ts'
import { isWell, type Opening } from '../../glass/opening.ts'
import type { CommandContext, Register } from '../command.ts'
import { addList } from '../list.ts'
import { facts, fromNow, table } from '../table.ts'

/** `stint break-glass open | drill | close | review | show | list | openings`: sealed credentials, in an emergency. */
export const register: Register = (program, context) => {
  const glass = program
    .command('break-glass')
    .description('credentials that no policy reaches, opened by people in an emergency')
    .addHelpText('after', '\nSeal one with `stint credential seal`. docs/break-glass.md tells the whole way.')
  registerActs(glass, context)
  const list = glass.command('list').description('list sealed credentials, and what became of each last')
  addList<SealListing>(list, context, { path: '/v1/seals', limit: 500, text: sealsText })
  const openings = glass
    .command('openings')
    .description('list openings, newest first')
    .option('--credential <name>', 'of this credential only')
  addList<Opening>(openings, context, {
    ...{ path: '/v1/openings', limit: 50, text: openingsText },
    queryOf: ({ credential }) => (credential === undefined ? {} : { credentialId: credential }),
  })
}

function registerActs(glass: Command, { call, output }: CommandContext): void {
  glass
    .command('open <credential>')
    .description('ask people to open a sealed credential to one running task')
    .requiredOption('--task <task>', 'the task that may then use it, and no other')
    .requiredOption('--reason <text>', 'why, for those who are asked and for the log')
    .option('--ticket <ticket>', 'where the emergency is written down')
    .action(async (id: string, { task: taskId, ...said }: { task: string; reason: string; ticket?: string }) => {
      const asked = await call<Opening>('POST', `/v1/seals/${encodeURIComponent(id)}/openings`, { taskId, ...said })
      output.print(asked, describe)
      if (asked.state === 'asked')
        output.say(
          `It is open when they have said yes: stint approvals grant ${asked.approvalId}. Nobody who has a part in it counts.`,
        )
    })
  glass
    .command('drill <credential>')
    .description('prove that the whole way works, people included; nothing is opened, and nothing handed out')
    .option('--rotate', 'also begin a rotation by its recipe')
    .action(async (id: string, { rotate }: { rotate?: true }) => {
      const asked = await call<Opening>('POST', `/v1/seals/${encodeURIComponent(id)}/drills`, { rotates: rotate === true })
      output.print(asked, describe)
      output.say(`When they have said yes (stint approvals grant ${asked.approvalId}): stint break-glass show ${asked.id}`)
    })
  glass
    .command('close <opening>')
    .description('close it now, or withdraw what is asked; its credential then gets a new value')
    .requiredOption('--reason <text>', 'why, for the log')
    .action(async (id: string, because: { reason: string }) =>
      output.print(await call<Opening>('POST', `${pathOf(id)}/close`, because), describe),
    )
  glass
    .command('review <opening>')
    .description('sign what was done while it was open, as somebody who had no part in it')
    .requiredOption('--note <text>', 'what you found in the log')
    .action(async (id: string, review: { note: string }) =>
      output.print(await call<Opening>('POST', `${pathOf(id)}/review`, review), describe),
    )
  glass
    .command('show <opening>')
    .description('show one: who asked and why, who said yes, until when, what it still owes')
    .action(async (id: string) => output.print(await call<Opening>('GET', pathOf(id)), describe))
}

function pathOf(id: string): string {
  return `/v1/openings/${encodeURIComponent(id)}`
}

function sealsText({ items }: Page<SealListing>): string {
  const now = Date.now()
  const rows = items.map((seal) => [
    seal.credentialId,
    seal.targetId,
    seal.openBy,
    `${seal.seconds} s`,
    lastOf(seal, now),
    drilled(seal, now),
  ])
  return table(
    ['CREDENTIAL', 'TARGET', 'OPENED BY', 'FOR', 'LAST', 'DRILLED'],
    rows,
    'Nothing is sealed: see `stint credential seal`.',
  )
}

function lastOf({ last }: SealListing, now: number): string {
  return last === undefined ? 'never opened' : `${last.id} ${stateOf(last, now)}`
}

function drilled({ lastDrill }: SealListing, now: number): string {
  if (lastDrill === undefined) return 'never'
  const when = fromNow(lastDrill.endedAt ?? lastDrill.createdAt, now)
  return isWell(lastDrill) ? when : `${when}, FAILED`
}

function openingsText({ items }: Page<Opening>): string {
  const now = Date.now()
  const rows = items.map((one) => [one.id, one.credentialId, one.taskId, stateOf(one, now), one.reason])
  return table(['OPENING', 'CREDENTIAL', 'TASK', 'STATE', 'REASON'], rows, 'Nothing was ever opened.')
}

/** With what stands between it and the next one. */
function stateOf({ state, closesAt, openedAt, renewal, review }: Opening, now: number): string {
  if (state === 'open' && closesAt !== undefined) return `open, closes ${fromNow(closesAt, now)}`
  if (state !== 'closed' || openedAt === undefined) return state
  const owed = [...(renewal === 'by-hand' ? ['a new value by hand'] : []), ...(review === undefined ? ['a review'] : [])]
  return owed.length === 0 ? 'closed' : `closed, needs ${owed.join(' and ')}`
}

function opensWhat({ credentialId, targetId, taskId, seconds, drill }: Opening): string {
  const what = `${credentialId} on ${targetId}`
  return drill === undefined ? `${what} to ${taskId}, for ${seconds} s at most` : `nothing: a drill of ${what}`
}

function describe(opening: Opening): string {
  const now = Date.now()
  const { openedBy = [], closesAt, endedAt, why, ticket, review, drill } = opening
  const when = (at: number | undefined): string | undefined => (at === undefined ? undefined : fromNow(at, now))
  return facts([
    ['opening', opening.id],
    ['state', stateOf(opening, now)],
    ['opens', opensWhat(opening)],
    ['asked by', opening.requestedBy],
    ['reason', opening.reason],
    ['ticket', ticket],
    ['takes', `${opening.openBy}: ${opening.approvalId ?? 'nobody was asked'}`],
    ['yes from', openedBy.length === 0 ? undefined : openedBy.join(', ')],
    ['closes', opening.state === 'open' ? when(closesAt) : undefined],
    ['ended', endedAt === undefined ? undefined : `${when(endedAt)}: ${why}`],
    ['review', review && `${review.by}: ${review.note}`],
    ...(drill?.steps ?? []).map(({ step, ok, detail }): [string, string] => [ok ? 'well' : 'FAILED', `${step}: ${detail}`]),
  ])
}

import { Option } from 'commander'
import type { Page } from '../../api/verbs.ts'
import { APPROVAL_STATES, type Approval } from '../../approvals/approval.ts'
import type { Register } from '../command.ts'
import { addList } from '../list.ts'
import { facts, fromNow, table } from '../table.ts'
import { askPerson, watchApprovals } from '../watch-approvals.ts'

/** `stint approvals list | watch | show | grant | deny`: what people are asked to consent to. */
export const register: Register = (program, context) => {
  const { call, output } = context
  const approvals = program.command('approvals').description('requests that wait for a person to say yes')
  const list = approvals
    .command('list')
    .description('list them, newest first')
    .addOption(new Option('--state <state>', 'in this state only').choices(APPROVAL_STATES))
    .option('--task <task>', 'of this task only')
  addList<Approval>(list, context, {
    ...{ path: '/v1/approvals', limit: 50, text: listing },
    queryOf: ({ state, task }) => ({ ...(state !== undefined && { state }), ...(task !== undefined && { taskId: task }) }),
  })
  approvals
    .command('watch')
    .description('show what waits, then each new question as it is asked; at a terminal, also answer it')
    .action(async () => {
      for await (const question of watchApprovals(call)) {
        output.print(question, (one) => `${describe(one)}\n\n`)
        const answer = process.stdin.isTTY && !output.json ? await askPerson(question) : undefined
        if (answer === undefined) continue
        const { state } = await call<Approval>('POST', `${pathOf(question.id)}/${answer}`, {})
        output.say(`${question.id} is ${state}.`)
      }
    })
  approvals
    .command('show <approval>')
    .description('show one: what exactly would be done, why, and who must say yes')
    .action(async (id: string) => output.print(await call<Approval>('GET', pathOf(id)), describe))
  approvals
    .command('grant <approval>')
    .description('consent to exactly this request, once unless said otherwise')
    .option('--times <number>', 'so many times')
    .option('--minutes <number>', 'for so long')
    .option('--reason <text>', 'why, for the log')
    .action(async (id: string, { times, minutes, ...said }: { reason?: string; times?: string; minutes?: string }) => {
      const terms = {
        ...(times !== undefined && { times: Number(times) }),
        ...(minutes !== undefined && { minutes: Number(minutes) }),
      }
      output.print(await call<Approval>('POST', `${pathOf(id)}/grant`, { ...said, ...terms }), describe)
    })
  approvals
    .command('deny <approval>')
    .description('say no to it')
    .option('--reason <text>', 'why, for the log and for the caller')
    .action(async (id: string, said: { reason?: string }) =>
      output.print(await call<Approval>('POST', `${pathOf(id)}/deny`, said), describe),
    )
}

function pathOf(id: string): string {
  return `/v1/approvals/${encodeURIComponent(id)}`
}

function listing({ items }: Page<Approval>): string {
  const now = Date.now()
  const rows = items.map((one) => [one.id, stateOf(one, now), one.targetId, one.line ?? `${one.action} ${one.resource}`])
  return table(['APPROVAL', 'STATE', 'TARGET', 'WHAT'], rows, 'Nobody was ever asked.')
}

function stateOf({ state, usesLeft, expiresAt }: Approval, now: number): string {
  const left = state === 'granted' && usesLeft > 1 ? ` ${usesLeft} times` : ''
  return state === 'pending' || state === 'granted' ? `${state}${left}, expires ${fromNow(expiresAt, now)}` : state
}

function describe(approval: Approval): string {
  const { line, body, risk, parameters, answers } = approval
  const now = Date.now()
  const told = facts([
    ['approval', approval.id],
    ['state', stateOf(approval, now)],
    ['asks', approval.approver],
    ['for', `${approval.purpose} (${approval.taskId} of ${approval.owner})`],
    ['by', approval.callerId],
    ['does', `${approval.action} on ${approval.targetId}: ${approval.resource}`],
    ...Object.entries(parameters).map(([name, value]): [string, string] => [name, [value].flat().join(', ')]),
    ['sends', line],
    ...approval.reasons.map((reason): [string, string] => ['why asked', reason]),
    ['risk', [String(risk), ...approval.riskReasons].join(', ')],
    ...answers.map(({ by, said, at, reason }): [string, string] => [
      'answer',
      `${by} said ${said} ${fromNow(at, now)}${reason === undefined ? '' : `: ${reason}`}`,
    ]),
  ])
  const lines = body === undefined ? [] : ['', ...body.split('\n').map((one) => `  | ${one}`)]
  return [told, ...lines].join('\n')
}

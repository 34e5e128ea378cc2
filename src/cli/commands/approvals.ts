import { Option } from 'commander'
import type { Page } from '../../api/verbs.ts'
import { APPROVAL_STATES, type Approval, type Before } from '../../approvals/approval.ts'
import { StintError } from '../../errors.ts'
import { findAlike, groupAlike } from '../alike.ts'
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
      for await (const { id } of watchApprovals(call)) {
        const question = await call<Approval & Before>('GET', pathOf(id))
        output.print(question, (one) => `${describe(one)}\n\n`)
        const answer = process.stdin.isTTY && !output.json ? await askPerson(question) : undefined
        if (answer === undefined) continue
        const { state } = await call<Approval>('POST', `${pathOf(question.id)}/${answer}`, {})
        output.say(`${question.id} is ${state}.`)
      }
    })
  approvals
    .command('show <approval>')
    .description('show one: what exactly would be done, why, what the task did before, and who must say yes')
    .action(async (id: string) => output.print(await call<Approval & Before>('GET', pathOf(id)), describe))
  approvals
    .command('grant [approvals...]')
    .description('consent to exactly these requests, once each unless said otherwise')
    .option('--all-like <approval>', 'to it, and to those that ask the same and were asked before it')
    .option('--times <number>', 'so many times')
    .option('--minutes <number>', 'for so long')
    .option('--any-body', 'also with another body: the same action, method, path and header fields')
    .option('--reason <text>', 'why, for the log')
    .action(async (named: readonly string[], { allLike, times, minutes, anyBody, ...said }: Granted) => {
      if (named.length > 0 === (allLike !== undefined))
        throw new StintError('invalid_argument', 'name the approvals, or one of them with --all-like')
      const terms = {
        ...(times !== undefined && { times: Number(times) }),
        ...(minutes !== undefined && { minutes: Number(minutes) }),
        ...(anyBody && { anyBody }),
      }
      const grant = (id: string) => call<Approval>('POST', `${pathOf(id)}/grant`, { ...said, ...terms })
      const [only] = named
      if (only !== undefined && named.length === 1) return output.print(await grant(only), describe)
      const ids = allLike === undefined ? named : (await findAlike(call, await call('GET', pathOf(allLike)))).map(({ id }) => id)
      if (ids.length === 0) throw new StintError('conflict', `approval ${allLike} does not wait for an answer`)
      const items: Approval[] = []
      for (const id of ids) items.push(await grant(id))
      output.print({ items }, listing)
    })
  approvals
    .command('deny <approval>')
    .description('say no to it')
    .option('--reason <text>', 'why, for the log and for the caller')
    .action(async (id: string, said: { reason?: string }) =>
      output.print(await call<Approval>('POST', `${pathOf(id)}/deny`, said), describe),
    )
}

interface Granted {
  readonly allLike?: string
  readonly reason?: string
  readonly times?: string
  readonly minutes?: string
  readonly anyBody?: boolean
}

function pathOf(id: string): string {
  return `/v1/approvals/${encodeURIComponent(id)}`
}

function listing({ items }: Page<Approval>): string {
  const now = Date.now()
  const rows = items.map((one) => [one.id, stateOf(one, now), one.targetId, one.line ?? `${one.action} ${one.resource}`])
  const alike = groupAlike(items).map(
    ([newest, ...others]) => `\n${others.length + 1} ask the same: stint approvals grant --all-like ${newest?.id}`,
  )
  return [table(['APPROVAL', 'STATE', 'TARGET', 'WHAT'], rows, 'Nobody was ever asked.'), ...alike].join('\n')
}

function stateOf({ state, usesLeft, anyBody, expiresAt, escalation }: Approval, now: number): string {
  const times = state === 'granted' && usesLeft > 1 ? ` ${usesLeft} times` : ''
  const left = state === 'granted' && anyBody === 'granted' ? `${times} with any body` : times
  const wider = state === 'pending' && escalation !== undefined ? ` (${escalation.role} too)` : ''
  return state === 'pending' || state === 'granted' ? `${state}${left}${wider}, expires ${fromNow(expiresAt, now)}` : state
}

const COVERS = {
  possible: 'exactly this body; `stint approvals grant --any-body` lets the same request through with whatever body it has then',
  granted: 'the same action, method, path and header fields with whatever body: nobody looks at what it says',
} as const

function describe(approval: Approval & Partial<Before>): string {
  const { line, body, anyBody, risk, parameters, answers, escalation, touched = [], before = [] } = approval
  const now = Date.now()
  const told = facts([
    ['approval', approval.id],
    ['state', stateOf(approval, now)],
    ['asks', approval.approver],
    ['since', escalation && `${fromNow(escalation.at, now)} also role:${escalation.role}, as nobody had answered`],
    ['for', `${approval.purpose} (${approval.taskId} of ${approval.owner})`],
    ['by', approval.callerId],
    ['does', `${approval.action} on ${approval.targetId}: ${approval.resource}`],
    ...Object.entries(parameters).map(([name, value]): [string, string] => [name, [value].flat().join(', ')]),
    ['sends', line],
    ['covers', anyBody && COVERS[anyBody]],
    ...approval.reasons.map((reason): [string, string] => ['why asked', reason]),
    ['risk', [String(risk), ...approval.riskReasons].join(', ')],
    ['touched', touched.length > 0 ? touched.join(', ') : undefined],
    ...before.map(({ at, action, targetId, resource, effect }): [string, string] => [
      'before',
      `${fromNow(at, now)}: ${effect} ${action} on ${targetId}: ${resource}`,
    ]),
    ...answers.map(({ by, said, at, anyBody: any, reason }): [string, string] => [
      'answer',
      `${by} said ${said}${any ? ' to any body' : ''} ${fromNow(at, now)}${reason === undefined ? '' : `: ${reason}`}`,
    ]),
  ])
  const lines = body === undefined ? [] : ['', ...body.split('\n').map((one) => `  | ${one}`)]
  return [told, ...lines].join('\n')
}

import { hash } from 'node:crypto'
import type { Approval } from './approvals/approval.ts'
import type { Approvals } from './approvals/approvals.ts'
import { whyUnmeetable } from './approvals/who.ts'
import { readApprovers } from './approver.ts'
import type { Recorder } from './audit/record.ts'
import { catalogued } from './catalogued.ts'
import type { Rotations } from './credentials/rotation/rotations.ts'
import type { Vault } from './credentials/vault.ts'
import type { Findings } from './detections/findings.ts'
import { asStintError, StintError, undefinedWhereMissing } from './errors.ts'
import type { Dial } from './gateway/dial.ts'
import { type DrillTry, tryAll } from './glass/drill.ts'
import type { GlassVerbs, Person } from './glass/glass.ts'
import type { Answered } from './glass/keeper.ts'
import type { Opening } from './glass/opening.ts'
import type { Log } from './log.ts'
import type { Target, Task } from './model.ts'
import { probeTarget } from './probe-target.ts'
import type { Membership } from './store/gateways.ts'
import type { Targets } from './targets/targets.ts'
import type { Tasks } from './tasks/tasks.ts'

const DAY_MS = 86_400_000

/** The rooms that an opening of a sealed credential goes through. */
export interface GlassRooms {
  readonly approvals: Approvals
  readonly roles: Readonly<Record<string, readonly string[]>>
  readonly findings: Pick<Findings, 'brokeGlass'>
  readonly gateways: Membership
  readonly log: Log
  readonly recorder: Pick<Recorder, 'recordAct'>
  readonly rotations: Rotations
  readonly targets: Pick<Targets, 'get'>
  readonly tasks: Pick<Tasks, 'live'>
  readonly vault: Pick<Vault, 'list' | 'tryKey'>
  readonly dial: Dial
  now(): number
  report(thrown: unknown): void
}

/** What the glass is lent by the rooms. */
export function glassVerbs(rooms: GlassRooms): GlassVerbs {
  const { approvals, roles, findings, gateways, log, recorder, rotations, targets, tasks, vault, now, report } = rooms
  return {
    ...{ now, report, others: gateways.others, everyoneHas: gateways.confirm, liveTask: tasks.live, target: targets.get },
    isApprover: (person) => Object.values(roles).some((people) => people.includes(person)),
    refuseUnmeetable(openBy) {
      const why = whyUnmeetable(openBy, roles)
      if (why !== undefined) throw new StintError('invalid_argument', why)
    },
    valueSince(credentialId) {
      const found = vault.list().find(({ id }) => id === credentialId)
      if (found === undefined) throw new StintError('not_found', `there is no credential ${credentialId}`)
      return found.createdAt
    },
    async ask(opening, task, { target, by }) {
      const { id, credentialId, openBy, reason, ticket, seconds } = opening
      const hosts = target.hosts.map(({ scheme, host, port }) => `${scheme}://${host}:${port}`)
      const standing = await approvals.consent({
        ...{ binding: hash('sha256', `break-glass ${id}`, 'hex'), approver: openBy, neverEscalates: true },
        shown: {
          ...(task === undefined ? drillAs(by, now()) : shownOf(task)),
          ...{
            callerId: by.callerId,
            barred: [by.person, ...(task === undefined ? [] : [task.owner, task.workload])],
            targetId: target.id,
          },
          ...{ action: 'stint:Opening::open', access: 'admin', resource: `credentials/${credentialId}` },
          parameters: { opening: id, reason, ...(ticket !== undefined && { ticket }), seconds: String(seconds), hosts },
          ...{ risk: 100, riskReasons: [], policies: [] },
          reasons: [whatFor(opening)],
        },
      })
      if (standing.is === 'pending') return standing.approval.id
      throw new StintError('conflict', standing.is === 'impossible' ? standing.why : `the question of ${id} was answered before`)
    },
    async answered({ approvalId = '', openBy }) {
      return answerOf(await approvals.get(approvalId), openBy, roles)
    },
    async renew(credentialId) {
      const declared = await rotations.recipe(credentialId).catch(undefinedWhereMissing)
      if (declared === undefined) return 'by-hand'
      await rotations.begin(credentialId, 'break-glass')
      return 'begun'
    },
    drill: (opening) => tryAll(triesOf(opening, rooms), (thrown) => asStintError(thrown).detail),
    async record(act, opening) {
      await recorder.recordAct(entryOf(act, opening)).catch((thrown) => Promise.reject(catalogued(thrown)))
    },
    alert(opening) {
      const { id, credentialId, targetId, taskId, requestedBy, reason, openedBy = [], closesAt = 0 } = opening
      const until = new Date(closesAt).toISOString()
      const words = `${credentialId} is open to ${taskId} until ${until}: ${requestedBy} asked, ${openedBy.join(' and ')} said yes`
      log.error({ opening: id, credential: credentialId, target: targetId, task: taskId, reason }, `BREAK-GLASS: ${words}`)
      findings.brokeGlass(taskId, targetId, `${id}: ${words}`)
    },
  }
}

/** What an emergency needs, tried without handing anything out. */
function triesOf({ credentialId, targetId, openedBy = [], drill }: Opening, rooms: GlassRooms): readonly DrillTry[] {
  const { rotations, targets, vault, dial } = rooms
  const tries: readonly DrillTry[] = [
    { step: 'ask people', look: () => `${openedBy.join(' and ')} said yes` },
    {
      step: 'open the vault',
      look: async () => {
        await vault.tryKey(credentialId)
        return 'a canary that was sealed now, and the sealed value, open under the key that there is now'
      },
    },
    { step: 'reach the target', look: () => reach(targets.get(targetId), dial) },
    { step: 'use the value', look: () => useValue(credentialId, rotations) },
  ]
  if (drill?.rotates !== true) return tries
  const rotate = async (): Promise<string> => `${(await rotations.begin(credentialId, 'drill')).id} has begun`
  return [...tries, { step: 'rotate', look: rotate }]
}

async function reach(target: Target, dial: Dial): Promise<string> {
  const steps = await probeTarget(target, dial)
  const failed = steps.find(({ ok }) => !ok)
  if (failed === undefined) return steps.map(({ step }) => step).join(', ')
  throw new StintError('upstream_failed', `${failed.step}: ${failed.detail}`)
}

/** By the probe of its recipe, where it has one. */
async function useValue(credentialId: string, rotations: Rotations): Promise<string> {
  const declared = await rotations.recipe(credentialId).catch(undefinedWhereMissing)
  if (declared === undefined) return 'not tried: no recipe says how'
  if ((await rotations.probe(credentialId)) === 'live') return 'the target takes it'
  throw new StintError('upstream_failed', 'the target refuses the value in the vault')
}

function shownOf({ id, purpose, owner, expiresAt }: Task) {
  return { taskId: id, purpose, owner, taskExpiresAt: expiresAt }
}

/** No task stands behind it; the question waits as long as any. */
function drillAs({ person }: Person, now: number) {
  return { taskId: '', purpose: 'drill', owner: person, taskExpiresAt: now + DAY_MS }
}

function whatFor({ credentialId, seconds, drill }: Opening): string {
  if (drill !== undefined) return `A drill of the sealed credential ${credentialId}: everything is tried, and nothing opened.`
  return `Break-glass: for ${seconds} seconds this task may use the sealed credential ${credentialId}.`
}

/** As many different people as the seal asks for, by the roles there are now; it does not lean on what the question says of itself. */
function answerOf({ state, expiresAt, answers, barred = [] }: Approval, openBy: string, roles: GlassRooms['roles']): Answered {
  const [rule] = readApprovers(openBy) ?? []
  const yes = answers.filter(({ said, by }) => said === 'yes' && !barred.includes(by))
  const by = [...new Set(yes.map((one) => one.by))].filter((one) => roles[rule?.role ?? '']?.includes(one))
  const minutes = yes.flatMap((one) => one.minutes ?? [])
  const standing = state === 'pending' || state === 'granted' ? state : 'no'
  const isMet = rule !== undefined && by.length >= rule.count
  return { state: standing, expiresAt, by, isMet, ...(minutes.length > 0 && { minutes: Math.min(...minutes) }) }
}

function entryOf(act: string, opening: Opening) {
  const {
    id,
    taskId: task,
    targetId: target,
    owner,
    credentialId,
    requestedBy,
    openedBy,
    closesAt,
    ticket,
    why,
    review,
    drill,
  } = opening
  const failed = drill?.steps?.find(({ ok }) => !ok)
  const details = {
    ...(drill?.steps !== undefined && { drill: failed === undefined ? 'all is well' : `${failed.step}: ${failed.detail}` }),
    ...{ credential: credentialId, requestedBy, ...(ticket !== undefined && { ticket }) },
    ...(openedBy !== undefined && { openedBy: openedBy.join(', ') }),
    ...(closesAt !== undefined && { closesAt: new Date(closesAt).toISOString() }),
    ...(review !== undefined && { reviewedBy: review.by, note: review.note }),
  }
  return {
    action: `stint:Opening::${act}`,
    correlationId: id,
    ...(task !== '' && { task, owner }),
    target,
    subject: id,
    reason: why ?? opening.reason,
    details,
  }
}

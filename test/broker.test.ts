import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Permit } from '../src/audit/permit.ts'
import { type Attempt, type BrokerVerbs, createBroker, type Served } from '../src/broker.ts'
import type { Lease } from '../src/credentials/lease.ts'
import { StintError } from '../src/errors.ts'
import type { Action, AuthzRequest, Caller, Decided, Decision, Flow, Outcome, Target, Task } from '../src/model.ts'

const caller: Caller = {
  id: 'spiffe://stint.local/run/1',
  proof: 'sandbox',
  issuer: 'stint',
  taskId: 'task_1',
  actors: [],
  claims: {},
}
const task: Task = {
  id: 'task_1',
  purpose: 'read my issues',
  owner: 'ann@example.com',
  workload: caller.id,
  proof: 'sandbox',
  keyThumbprint: 'thumb',
  scope: { targets: ['github'], actions: ['*'] },
  labels: [],
  startedAt: 0,
  expiresAt: 1,
  state: 'live',
  supervised: false,
}
const target: Target = {
  id: 'github',
  connector: 'http',
  hosts: [],
  environment: 'development',
  sensitivity: 'internal',
  labels: [],
  privateNetworks: [],
  placement: { kind: 'none' },
}
const action: Action = { id: 'http:GET', access: 'read', resource: '/', parameters: {} }
const request: AuthzRequest = {
  principal: { type: 'Workload', id: caller.id },
  action: action.id,
  resource: { type: 'Target', id: 'github' },
  context: {},
  risk: { score: 0, reasons: [] },
}
const allow: Decision = { effect: 'allow', policies: ['reads'], policySetHash: 'h', code: 'allowed', reasons: [] }
const lease: Lease = {
  id: 'lease_1',
  taskId: task.id,
  targetId: target.id,
  credentialId: undefined,
  hosts: [],
  privateNetworks: [],
  trustedCa: undefined,
  injections: [],
  expiresAt: 1,
  state: 'active',
}
const done: Outcome = { result: 'completed', status: 200, bytesIn: 0, bytesOut: 2, durationMs: 1 }

/** A broker over verbs that write down, in order, that they were called. */
function play(changes: Partial<BrokerVerbs<string>> = {}, attemptChanges: Partial<Attempt<string>> = {}) {
  const steps: string[] = []
  let cut = false
  const flow: Flow = {
    get isCut() {
      return cut
    },
    onCut() {},
    close: () => steps.push('close'),
  }
  const step = <A extends readonly unknown[], R>(name: string, run: (...args: A) => R) => {
    return (...args: A): R => {
      steps.push(name)
      return run(...args)
    }
  }
  const given: BrokerVerbs<string> = {
    verify: () => caller,
    liveTask: () => task,
    open: () => flow,
    request: () => request,
    decide: () => allow,
    charge: () => undefined,
    refund: () => {},
    consent: async ({ decision }) => decision,
    answered: async () => false,
    touch: () => {},
    keepTouched: () => undefined,
    record: async (decided) => (decided.decision.effect === 'allow' ? Permit.grant(7, decided) : undefined),
    recordAttempt: async () => {},
    obtain: () => lease,
    settle: () => {},
    report: () => {},
    ...changes,
  }
  const verbs = Object.fromEntries(
    Object.entries(given).map(([name, run]) => [name, step(name, run as (...args: readonly unknown[]) => unknown)]),
  ) as unknown as BrokerVerbs<string>
  const attempt: Attempt<string> = {
    correlationId: 'c1',
    proof: 'proof',
    describe: step('describe', () => ({ target, action })),
    carryOut: step('carryOut', async () => done),
    ...attemptChanges,
  }
  return { steps, cutNow: () => (cut = true), served: createBroker(verbs).serve(attempt) }
}

const codeOf = (served: Served): string | undefined => ('refusal' in served ? served.refusal.code : undefined)

describe('the request', () => {
  test('goes down the picture, once, in order', async () => {
    const { steps, served } = play()
    assert.deepEqual(await served, { outcome: done })
    assert.deepEqual(steps, [
      ...['verify', 'liveTask', 'describe', 'open', 'request', 'decide', 'charge', 'touch', 'record'],
      ...['keepTouched', 'obtain', 'carryOut', 'settle', 'close'],
    ])
  })

  test('G1: nothing is obtained or sent when the decision cannot be recorded', async () => {
    const { steps, served } = play({
      record: () => Promise.reject(new StintError('audit_unavailable', 'disk full')),
    })
    assert.equal(codeOf(await served), 'audit_unavailable')
    assert.ok(!steps.includes('obtain') && !steps.includes('carryOut'))
    assert.equal(steps.at(-1), 'close')
  })

  test('G1: nothing is obtained before the record resolves', async () => {
    let resolve: (permit: Permit<Decided>) => void = () => {}
    const { steps, served } = play({
      record: (decided) => new Promise((done) => (resolve = () => done(Permit.grant(1, decided)))),
    })
    await new Promise((next) => setImmediate(next))
    assert.equal(steps.at(-1), 'record')
    resolve(Permit.grant(1, {} as Decided))
    await served
    assert.ok(steps.indexOf('obtain') > steps.indexOf('record'))
  })

  test('a deny is a refusal with its reasons; nothing is obtained', async () => {
    const decision: Decision = { ...allow, effect: 'deny', code: 'no_policy_permits', reasons: ['no policy permits it'] }
    const { steps, served } = play({ decide: () => decision })
    assert.deepEqual(await served, {
      refusal: { code: 'denied', detail: 'no policy permits it', reasons: ['no policy permits it'], correlationId: 'c1' },
    })
    assert.ok(!steps.includes('obtain'))
  })

  const needed: Decision = { ...allow, effect: 'needs-approval', code: 'needs_approval', approver: 'owner' }
  const exact = { digest: 'd', line: 'GET /' }

  test('what is allowed anyway is not read whole and asks nobody', async () => {
    const { served, steps } = play({}, { exact: () => Promise.reject(new Error('it was read')) })
    assert.ok('outcome' in (await served))
    assert.ok(!steps.includes('consent'))
  })

  test('consent is asked for to what was read, before the decision is recorded; what it makes of it is recorded', async () => {
    let asked: unknown
    const { served, steps } = play(
      {
        decide: () => needed,
        consent: async (_decided, given) => {
          asked = given
          return { ...allow, code: 'approved' }
        },
      },
      { exact: async () => exact },
    )
    assert.ok('outcome' in (await served))
    assert.equal(asked, exact)
    const between = ['decide', 'charge', 'request', 'decide', 'consent', 'touch', 'record', 'keepTouched']
    assert.deepEqual(steps.slice(steps.indexOf('decide'), steps.indexOf('obtain')), between)
  })

  test('what is denied by the time that all of it was read uses no consent up', async () => {
    let isRead = false
    const { served, steps } = play(
      { decide: () => (isRead ? { ...allow, effect: 'deny' } : needed) },
      {
        exact: async () => {
          isRead = true
          return exact
        },
      },
    )
    assert.equal(codeOf(await served), 'denied')
    assert.ok(!['consent', 'obtain'].some((one) => steps.includes(one)))
  })

  test('what a budget has too little left for is refused as such, and no consent is used up', async () => {
    const over: Decision = { ...allow, effect: 'needs-approval', code: 'budget_exceeded', approver: 'owner' }
    for (const charge of [() => over, async () => over]) {
      const { served, steps } = play({ decide: () => needed, charge })
      assert.equal(codeOf(await served), 'budget_exceeded')
      assert.ok(!['consent', 'refund', 'touch', 'obtain'].some((one) => steps.includes(one)))
    }
  })

  test('what waits for a person is not counted; what is denied never was', async () => {
    const waiting = play({ decide: () => needed })
    assert.equal(codeOf(await waiting.served), 'needs_approval')
    assert.deepEqual(
      waiting.steps.filter((one) => one === 'charge' || one === 'refund'),
      ['charge', 'refund'],
    )
    const long = play(
      { decide: () => needed },
      { exact: () => Promise.reject(new StintError('body_too_large', 'more than anyone would read')) },
    )
    assert.equal(codeOf(await long.served), 'body_too_large')
    assert.ok(long.steps.includes('refund'))
    const denied = play({ decide: () => ({ ...allow, effect: 'deny' }) })
    await denied.served
    assert.ok(!denied.steps.includes('charge'))
  })

  test('who would rather wait for a budget to be raised is decided and charged anew, in all as long as they wait', async () => {
    const approval = { id: 'approval_1', taskId: task.id, expiresAt: 9 }
    const short: Decision = { ...allow, effect: 'needs-approval', code: 'budget_exceeded', approver: 'owner', approval }
    const seconds: number[] = []
    const hold = { seconds: 30, onGone() {} }
    const answered: BrokerVerbs<string>['answered'] = async (_, { seconds: left }) => seconds.push(left) <= 2
    const charges = [short, short, undefined]
    const raised = play({ charge: () => charges.shift(), answered }, { hold })
    assert.deepEqual(await raised.served, { outcome: done })
    assert.equal(raised.steps.filter((step) => step === 'decide').length, 3)
    const [first = 0, second = 0] = seconds
    assert.ok(first === 30 && second < 30, String(seconds))
    const late = play({ charge: () => short, answered: async () => false }, { hold })
    assert.equal(codeOf(await late.served), 'budget_exceeded')
    const decisions = [allow, { ...allow, effect: 'deny' as const, code: 'revoked' }]
    const revoked = play({ decide: () => decisions.shift() ?? allow, charge: () => short, answered: async () => true }, { hold })
    assert.equal(codeOf(await revoked.served), 'revoked')
    assert.equal(revoked.steps.filter((step) => step === 'charge').length, 1)
  })

  test('what is revoked while it is read uses no consent up', async () => {
    const played = play(
      { decide: () => needed },
      {
        exact: async () => {
          played.cutNow()
          return exact
        },
      },
    )
    assert.equal(codeOf(await played.served), 'revoked')
    assert.ok(!played.steps.includes('consent') && !played.steps.includes('record'))
  })

  test('needs-approval names who could consent', async () => {
    const { served } = play({ decide: () => ({ ...allow, effect: 'needs-approval', approver: 'owner' }) })
    const answer = await served
    assert.ok('refusal' in answer && answer.refusal.code === 'needs_approval' && answer.refusal.approver === 'owner')
  })

  test('an unproved caller, a dead task and an unknown action are recorded as attempts', async () => {
    const cases: [Partial<BrokerVerbs<string>>, Partial<Attempt<string>>, string][] = [
      [{ verify: () => Promise.reject(new StintError('unauthenticated', 'no proof')) }, {}, 'unauthenticated'],
      [{ liveTask: () => undefined }, {}, 'task_not_live'],
      [
        {},
        {
          describe: () => {
            throw new StintError('unknown_action', 'what is this')
          },
        },
        'unknown_action',
      ],
    ]
    for (const [verbs, attempt, code] of cases) {
      const { steps, served } = play(verbs, attempt)
      assert.equal(codeOf(await served), code)
      assert.ok(steps.includes('recordAttempt') && !steps.includes('record') && !steps.includes('obtain'))
    }
  })

  test('an error that is not ours refuses, and says nothing of itself to the caller', async () => {
    const { served } = play({
      request: () => {
        throw new TypeError('secret detail')
      },
    })
    const answer = await served
    assert.ok('refusal' in answer && answer.refusal.code === 'internal' && !JSON.stringify(answer).includes('secret detail'))
  })

  test('a revocation between the decision and the first byte stops it, and it is settled', async () => {
    const played = play({
      obtain: () => {
        played.cutNow()
        return lease
      },
    })
    assert.equal(codeOf(await played.served), 'revoked')
    assert.ok(!played.steps.includes('carryOut') && played.steps.includes('settle'))
  })

  test('a failure to obtain is settled as failed, with its code', async () => {
    const outcomes: Outcome[] = []
    const { served } = play({
      obtain: () => Promise.reject(new StintError('credential_missing', 'none')),
      settle: (_permit, outcome) => {
        outcomes.push(outcome)
      },
    })
    assert.equal(codeOf(await served), 'credential_missing')
    assert.deepEqual(
      outcomes.map(({ result, code }) => [result, code]),
      [['failed', 'credential_missing']],
    )
  })
})

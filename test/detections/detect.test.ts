import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BURST, CHAIN, createDetectors } from '../../src/detections/detect.ts'
import type { Access, Decision } from '../../src/model.ts'
import { action, target, task } from '../policy/sample.ts'

function rig() {
  let time = 1_700_000_000_000
  const detectors = createDetectors(() => time)
  const decide = (effect: Decision['effect'], on: Partial<typeof target> = {}, access: Access = 'read', id = task.id) =>
    detectors
      .decided({
        task: { ...task, id },
        target: { ...target, ...on },
        action: { ...action, access },
        decision: { effect, policies: [], policySetHash: 'h', code: 'c', reasons: [] },
      })
      .map(({ kind }) => kind)
  return { detectors, decide, pass: (ms: number) => (time += ms) }
}

const times = <T>(count: number, run: () => T): T[] => Array.from({ length: count }, run)

describe('what is noticed', () => {
  test('a burst of refusals, when they are enough and close together, and not again at once', () => {
    const { decide, pass } = rig()
    assert.deepEqual(times(BURST.count - 1, () => decide('deny')).flat(), [])
    assert.deepEqual(decide('deny'), ['denied-burst'])
    assert.deepEqual(times(50, () => decide('deny')).flat(), [])
    pass(300_000)
    assert.deepEqual(times(BURST.count, () => decide('deny')).flat(), ['denied-burst'])
  })

  test('no burst where refusals are far apart, or of different tasks', () => {
    const { decide, pass } = rig()
    const slowly = times(BURST.count * 2, () => {
      pass(BURST.withinMs / (BURST.count - 1) + 1)
      return decide('deny')
    })
    assert.deepEqual(slowly.flat(), [])
    const other = rig()
    assert.deepEqual(
      [...Array(100).keys()].flatMap((n) => other.decide('deny', {}, 'read', `task_${n}`)),
      [],
    )
  })

  test('changes on several production targets within a while, and no reads, refusals or other places', () => {
    const production = (id: string) => ({ id, environment: 'production' as const })
    const { decide, pass } = rig()
    const chain = [...Array(CHAIN.count).keys()].map((n) => `prod-${n}`)
    for (const id of chain) decide('allow', production(id)) // so that none is new
    assert.deepEqual(
      chain.flatMap((id) => decide('allow', production(id))),
      [],
    )
    assert.deepEqual(
      chain.flatMap((id) => decide('deny', production(id), 'write')),
      [],
    )
    const apart = chain.flatMap((id) => {
      pass(CHAIN.withinMs / (CHAIN.count - 1) + 1)
      return decide('allow', production(id), 'write')
    })
    assert.deepEqual(apart, [])
    pass(CHAIN.withinMs + 1)
    assert.deepEqual(
      chain.flatMap((id) => decide('allow', production(id), 'admin')),
      ['privilege-chain'],
    )
  })

  test('the first act of a task on a target, for whoever asks whether it is the first of its workload', () => {
    const { decide, detectors } = rig()
    assert.deepEqual(decide('needs-approval'), [])
    assert.deepEqual(decide('allow'), ['new-target'])
    assert.deepEqual(decide('allow'), [])
    assert.deepEqual([detectors.isFirst('w', 't'), detectors.isFirst('w', 't'), detectors.isFirst('w', 'u')], [true, false, true])
  })

  test('use after the end, and a token with a proof that does not hold, once in a while', () => {
    const { detectors, pass } = rig()
    const kinds = () => [...detectors.usedAfterEnd('task_9'), ...detectors.rejectedProof('task_9', 'why')].map(({ kind }) => kind)
    assert.deepEqual(kinds(), ['use-after-end', 'rejected-proof'])
    assert.deepEqual(times(20, kinds).flat(), [])
    pass(300_001)
    assert.deepEqual(kinds(), ['use-after-end', 'rejected-proof'])
  })
})

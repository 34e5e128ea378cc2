import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Permit } from '../../src/audit/permit.ts'
import { CONNECTORS } from '../../src/credentials/connectors/index.ts'
import { createObtain } from '../../src/credentials/obtain.ts'
import type { Decided } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { NOTHING_MINTED } from '../credentials/nothing-minted.ts'
import { decidedOf, permitOf } from '../credentials/permit.ts'
import { code } from '../targets/fixture.ts'

function watched() {
  let opened = 0
  const vault = {
    open: () => {
      opened += 1
      return new Secret('value')
    },
    onChange: () => undefined,
  }
  return { obtain: createObtain({ ...NOTHING_MINTED, vault, connectors: CONNECTORS, now: () => 0 }).obtain, opened: () => opened }
}

describe('G1: no credential is obtained without a recorded allow', () => {
  const genuine = permitOf()
  const forgeries: readonly (readonly [what: string, value: unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['a plain object of the same shape', { index: 0, decided: decidedOf() }],
    ['a copy of a Permit', { ...genuine }],
    ['a structured clone of a Permit', structuredClone({ index: genuine.index, decided: genuine.decided })],
    [
      'an object with the prototype of a Permit',
      Object.assign(Object.create(Object.getPrototypeOf(genuine)), { index: 0, decided: decidedOf() }),
    ],
    ['an heir of a Permit', Object.create(genuine)],
    ['a proxy of a Permit', new Proxy(genuine, {})],
    ['what was decided, without the Permit', decidedOf()],
  ]
  for (const [what, value] of forgeries)
    test(`${what} obtains nothing, and the vault is not opened`, () => {
      const { obtain, opened } = watched()
      assert.throws(() => obtain(value as Permit<Decided>), code('internal'))
      assert.equal(opened(), 0)
    })

  for (const [what, permit] of [
    ['a deny', permitOf({ decision: { effect: 'deny' } })],
    ['an approval that is still needed', permitOf({ decision: { effect: 'needs-approval' } })],
    ['an effect that does not exist', permitOf({ decision: { effect: 'Allow' as 'allow' } })],
    ['no task', permitOf({ task: undefined })],
    ['no target', permitOf({ target: undefined })],
  ] as const)
    test(`a Permit that was made for ${what} obtains nothing`, () => {
      const { obtain, opened } = watched()
      assert.throws(() => obtain(permit), code('internal'))
      assert.equal(opened(), 0)
    })

  test('a genuine one obtains', async () => {
    const { obtain, opened } = watched()
    assert.equal((await obtain(genuine)).state, 'active')
    assert.equal(opened(), 1)
  })
})

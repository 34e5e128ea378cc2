import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { StintError } from '../src/errors.ts'
import { sealCredential } from '../src/seal-credential.ts'
import { Secret } from '../src/secret.ts'
import { LIVE, openRig } from './glass/rig.ts'
import { temporaryDirectory } from './store/temporary.ts'
import { code } from './targets/fixture.ts'

const ORDER = { credentialId: 'orders-key', targetId: 'orders', openBy: '2 of role:oncall', seconds: 600, byHand: true } as const
const VALUE = new Secret('the-value-of-the-key')

/** A glass, and a vault whose next addition comes to what it is told. */
async function rooms(t: TestContext) {
  const rig = await openRig(await temporaryDirectory(t))
  t.after(() => rig.close())
  const held = new Set<string>()
  const vault = {
    next: undefined as { readonly thrown: Error; readonly isKept: boolean } | undefined,
    list: () => [...held].map((id) => ({ id, version: 1, createdAt: 0 })),
    async add(id: string) {
      assert.ok(rig.glass.isSealed(id), 'sealed before it is in the vault')
      const { thrown, isKept } = vault.next ?? {}
      if (isKept !== false) held.add(id)
      if (thrown !== undefined) throw thrown
    },
  }
  const rotations = { recipe: async () => Promise.reject(new StintError('not_found', 'no recipe')) }
  return { glass: rig.glass, vault, rotations, targets: { get: () => LIVE.target } }
}

test('a new credential that was broken off while it was sealed stays sealed, whether or not the vault has it', async (t) => {
  for (const [why, isKept] of [
    ['store_unavailable', true],
    ['store_unavailable', false],
    ['conflict', true], // another gateway heard of the value first
  ] as const) {
    const parts = await rooms(t)
    parts.vault.next = { thrown: new StintError(why, 'gone'), isKept }
    await assert.rejects(sealCredential(parts, { ...ORDER, value: VALUE }, 'ana'), code(why))
    assert.equal(parts.glass.isSealed('orders-key'), true)
    assert.equal(parts.glass.look(LIVE)?.isOpen, false)
  }
})

test('what is left of one that never got into the vault is in nobody’s way', async (t) => {
  const parts = await rooms(t)
  parts.vault.next = { thrown: new StintError('store_unavailable', 'gone'), isKept: false }
  await assert.rejects(sealCredential(parts, { ...ORDER, value: VALUE }, 'ana'), code('store_unavailable'))
  parts.vault.next = undefined
  assert.equal((await sealCredential(parts, { ...ORDER, seconds: 60, value: VALUE }, 'ana')).seconds, 60)
})

test('a value that the vault does not take leaves no seal', async (t) => {
  const parts = await rooms(t)
  parts.vault.next = { thrown: new StintError('secret_too_short', 'too short'), isKept: false }
  await assert.rejects(sealCredential(parts, { ...ORDER, value: VALUE }, 'ana'), code('secret_too_short'))
  assert.equal(parts.glass.isSealed('orders-key'), false)
})

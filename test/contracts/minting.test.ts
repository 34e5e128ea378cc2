import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { CONNECTORS } from '../../src/credentials/connectors/index.ts'
import { type Discovered, discover } from '../../src/credentials/discover.ts'
import type { Io, Issued, Minting, MintOrder } from '../../src/credentials/minting.ts'
import { StintError } from '../../src/errors.ts'
import type { Task } from '../../src/model.ts'
import { type Secret, SHORTEST_SECRET_BYTES } from '../../src/secret.ts'
import { checkTarget } from '../../src/targets/check-target.ts'
import { TASK } from '../credentials/permit.ts'
import type { Provider, StartProvider } from '../providers/provider.ts'

/** What every connector that mints promises, on a real provider or the best that can be had. test/providers/KIND.ts starts it. */
const KINDS = Object.entries(CONNECTORS).flatMap(([kind, { minting }]) => (minting === undefined ? [] : [{ kind, minting }]))
/** STINT_TEST_CONNECTOR: one of them alone, to try it on another version of its provider. */
const ONLY = process.env.STINT_TEST_CONNECTOR
const WANTED = KINDS.filter(({ kind }) => ONLY === undefined || kind === ONLY)
assert.ok(WANTED.length > 0, `no connector ${ONLY} mints`)
/** Where nobody can be asked who there is: tokens of a kind that are nowhere listed, and what is only signed here. */
const LIST_NOBODY = ['gcp', 'oauth', 'ssh']
const INSTALLATION = 'abcdef'
let made = 0

/** As credentials/lease-id.ts makes them: `lease_`, the installation, then letters and digits of base32. */
function newLeaseId(): string {
  made += 1
  const number = made.toString(2).padStart(8, '0').replaceAll('0', 'a').replaceAll('1', 'b')
  const run = Buffer.from(String(process.pid + Date.now()))
    .toString('hex')
    .replace(/[^a-f2-7]/g, 'z')
    .slice(0, 8)
    .padEnd(8, 'z')
  return `lease_${INSTALLATION}${number}${run}`
}

function orderFor({ target, standing, scope, action }: Provider, minting: Minting, lifeMs = 600_000): MintOrder {
  const task: Task = { ...TASK, scope }
  const grant = minting.grant({ task, target, action }) ?? assert.fail()
  return { leaseId: newLeaseId(), target, taskId: task.id, owner: task.owner, grant, standing, expiresAt: Date.now() + lifeMs }
}

type Live = Issued & { readonly material: Secret }

async function mint(provider: Provider, minting: Minting, lifeMs?: number): Promise<Live> {
  const order = orderFor(provider, minting, lifeMs)
  const prepared = await minting.prepare?.(order)
  const { material, handle, expiresAt = order.expiresAt } = await minting.mint(order, prepared, provider.io)
  return { ...order, material, handle, expiresAt }
}

/** Revokes, and waits for as long as the provider may take to honour it. False where it can only expire. */
async function kill(provider: Provider, minting: Minting, issued: Issued): Promise<boolean> {
  const { irrevocableUntil } = await minting.revoke(issued, provider.io)
  await sleep(Math.min(provider.propagationMs ?? minting.propagationMs, 5000))
  return irrevocableUntil === undefined
}

for (const { kind, minting } of WANTED)
  describe(`the connector ${kind} mints`, () => {
    let provider: Provider | undefined
    let missing = ''
    before(async () => {
      const file = join(import.meta.dirname, '..', 'providers', `${kind}.ts`)
      assert.ok(existsSync(file), `test/providers/${kind}.ts does not start a provider`)
      const { start } = (await import(file)) as { start: StartProvider }
      const found = await start()
      if ('missing' in found) missing = found.missing
      else provider = found
    })
    after(() => provider?.close())
    const on = (name: string, work: (provider: Provider) => Promise<void>): void => {
      test(name, async (context: TestContext) => {
        if (provider === undefined) return context.skip(missing)
        await work(provider)
      })
    }

    on('for a target that is valid with its settings, and for none without those it needs', async ({ target }) => {
      assert.deepEqual(checkTarget(target, CONNECTORS), target)
      for (const [name, { required }] of Object.entries(minting.settings)) {
        if (!required) continue
        const { [name]: _, ...rest } = target.settings ?? {}
        assert.throws(() => checkTarget({ ...target, settings: rest }, CONNECTORS), /settings\./)
      }
      assert.throws(() => checkTarget({ ...target, settings: { ...target.settings, unheard_of: 'x' } }, CONNECTORS), /unheard_of/)
    })

    on('what does the decided action and no more', async (provider) => {
      const issued = await mint(provider, minting)
      await provider.use(minting.place(issued))
      await assert.rejects(provider.exceed(minting.place(issued)))
      await kill(provider, minting, issued)
    })

    on('what the same probe finds live before it is revoked, and refused after', async (provider) => {
      const issued = await mint(provider, minting)
      assert.equal(await minting.probe(issued, provider.io), 'live')
      const isRevocable = await kill(provider, minting, issued)
      if (!isRevocable) return
      assert.equal(await minting.probe(issued, provider.io), 'refused')
      await assert.rejects(provider.use(minting.place(issued)))
      await minting.revoke(issued, provider.io)
      assert.equal(await minting.probe(issued, provider.io), 'refused', 'revoking again is fine')
    })

    on('what can be told from material that it never made', async (provider) => {
      const issued = await mint(provider, minting)
      const other = await mint(provider, minting)
      await kill(provider, minting, other)
      if ((await minting.probe(other, provider.io)) === 'refused')
        assert.equal(await minting.probe(issued, provider.io), 'live', 'one lease does not disturb another')
      await kill(provider, minting, issued)
    })

    on('nothing that a crash before saving leaves untracked', async (provider) => {
      const { material: _, ...minted } = await mint(provider, minting)
      const lost: Issued = { ...minted, material: undefined, handle: {} }
      const isRevocable = await kill(provider, minting, lost)
      if (!isRevocable) return assert.ok(minting.maxLifeMs !== undefined, 'what cannot be found must die by itself')
      assert.equal(await minting.probe(lost, provider.io), 'refused')
      if (minting.strays === undefined && provider.leases === undefined) return // it keeps nothing of what it honours
      assert.ok(provider.leases !== undefined && !(await provider.leases()).includes(lost.leaseId))
    })

    on('nothing for an order that was recorded and never carried out', async (provider) => {
      const order = orderFor(provider, minting)
      const prepared = await minting.prepare?.(order)
      const never: Issued = { ...order, material: prepared?.material, handle: prepared?.handle ?? {} }
      if (!(await kill(provider, minting, never))) return
      assert.equal(await minting.probe(never, provider.io), 'refused')
    })

    on('what a sweep finds by its lease, and nothing else', async (provider) => {
      const { strays } = minting
      if (strays === undefined) return assert.ok(minting.maxLifeMs !== undefined, 'what cannot be listed must die by itself')
      const [first, second] = [await mint(provider, minting), await mint(provider, minting)]
      const { target, standing } = provider
      const found = async (installation: string): Promise<string[]> =>
        (await strays({ target, standing, installation }, provider.io)).map(({ leaseId }) => leaseId).sort()
      assert.deepEqual(await found(INSTALLATION), [first.leaseId, second.leaseId].sort())
      assert.deepEqual(await found('bcdefg'), [], 'another installation’s are not ours')
      const [stray] = await strays({ target, standing, installation: INSTALLATION }, provider.io)
      assert.ok(stray)
      await kill(provider, minting, { ...first, leaseId: stray.leaseId, material: undefined, handle: stray.handle })
      assert.equal((await found(INSTALLATION)).length, 1)
      for (const one of [first, second]) await kill(provider, minting, one)
      assert.deepEqual(await found(INSTALLATION), [])
    })

    for (const minutes of [-5, 5])
      on(
        `what works although our clock is ${Math.abs(minutes)} minutes ${minutes < 0 ? 'behind' : 'ahead'}`,
        async (provider) => {
          const now = () => Date.now() + minutes * 60_000
          const skewed = { ...provider, io: { ...provider.io, now } }
          const issued = await mint(skewed, minting, 600_000 + minutes * 60_000)
          await provider.use(minting.place(issued))
          assert.equal(await minting.probe(issued, skewed.io), 'live')
          if (await kill(skewed, minting, issued)) assert.equal(await minting.probe(issued, skewed.io), 'refused')
        },
      )

    if (minting.discover !== undefined)
      on('and lists who can act there: what was minted while it lives, and whoever else', async (provider) => {
        const { target, standing, io } = provider
        const verbs = {
          connectors: CONNECTORS,
          standing: () => standing ?? assert.fail(),
          io: () => io,
          seal: assert.fail,
          unseal: assert.fail,
        }
        const usable = async () => (await discover(target, verbs)).filter(({ isUsable }) => isUsable)
        const issued = await mint(provider, minting)
        const [before, mine] = [await usable(), ({ leaseId }: Discovered) => leaseId === issued.leaseId]
        const [found, ...more] = before.filter(mine)
        assert.deepEqual([found === undefined, more], [provider.hidesMinted ?? false, []], inspect(before))
        assert.notEqual(found?.access, 'admin')
        assert.ok(!before.every(mine), 'nobody is there but what was minted')
        assert.equal(new Set(before.map(({ kind, id }) => `${kind} ${id}`)).size, before.length)
        if (await kill(provider, minting, issued)) assert.ok(!(await usable()).some(mine))
      })

    on('without showing the secret in what is kept in clear', async (provider) => {
      const issued = await mint(provider, minting)
      const shown =
        inspect({ ...issued, placed: minting.place(issued) }, { depth: null, showHidden: true }) + JSON.stringify(issued)
      const { material } = issued
      const secrets = [material.reveal(), ...minting.place(issued).map(({ value }) => value.reveal())]
      const parts = secrets.flatMap((secret) => secret.split(/\n|\\n/)) // line breaks are printed in several ways
      for (const part of parts.filter(({ length }) => length >= SHORTEST_SECRET_BYTES))
        assert.ok(!shown.includes(part), 'a secret is in the handle, the grant or what prints')
      await kill(provider, minting, issued)
    })

    on('and says how far it reaches, equally for equal requests', async (provider) => {
      const [one, two] = [orderFor(provider, minting), orderFor(provider, minting)]
      assert.equal(one.grant.key, two.grant.key)
      assert.notEqual(one.grant.key, '', 'that is the key of what needs no credential')
      assert.ok(one.grant.reach.length > 0 && one.grant.reach.every((sentence) => /^[^\n]{3,200}$/.test(sentence)))
    })

    describe('and takes no failure for a refusal', () => {
      const failing: Readonly<Record<string, (io: Io) => Io>> = {
        'a connection that fails': (io) => ({ ...io, connect: failed, exchange: failed }),
        'an answer of 500': (io) => ({ ...io, connect: failed, exchange: async () => answer(500, '{"error":"oops"}') }),
        'an answer of 429': (io) => ({ ...io, connect: failed, exchange: async () => answer(429, '{"message":"slow down"}') }),
        'an answer that is cut off': (io) => ({ ...io, connect: failed, exchange: async () => answer(200, '{"tok') }),
        'a page of something else': (io) => ({
          ...io,
          connect: failed,
          exchange: async () => answer(200, '<html>Please sign in</html>'),
        }),
      }
      for (const [what, broken] of Object.entries(failing))
        on(what, async (provider) => {
          const issued = await mint(provider, minting)
          const io = broken(provider.io)
          const probed = await minting.probe(issued, io).catch((thrown: unknown) => thrown)
          assert.ok(probed instanceof StintError && probed.code.startsWith('upstream_'), `probe: ${inspect(probed)}`)
          const revoked = await minting.revoke(issued, io).catch((thrown: unknown) => thrown)
          const isHonest =
            revoked instanceof StintError || (typeof revoked === 'object' && revoked !== null && 'irrevocableUntil' in revoked)
          assert.ok(isHonest, `revoke: ${inspect(revoked)}`)
          const ordered = orderFor(provider, minting)
          const order = { ...ordered, expiresAt: ordered.expiresAt }
          const minted = await Promise.resolve(minting.prepare?.(order))
            .then((prepared) => minting.mint(order, prepared, io))
            .catch((thrown: unknown) => thrown)
          const isLocal = !(minted instanceof Error) // ssh signs by itself
          assert.ok(
            isLocal ? kind === 'ssh' : minted instanceof StintError && minted.code !== 'internal',
            `mint: ${inspect(minted)}`,
          )
          await kill(provider, minting, issued)
        })
    })

    on('and sees through a provider that says it revoked and did not', async (provider) => {
      if (provider.lie === undefined) return
      const issued = await mint(provider, minting)
      provider.lie()
      await kill(provider, minting, issued)
      assert.equal(await minting.probe(issued, provider.io), 'live')
    })
  })

test('the providers that list nobody are these', () => {
  const without = KINDS.filter(({ minting }) => minting.discover === undefined).map(({ kind }) => kind)
  assert.deepEqual(without, LIST_NOBODY)
})

test('who can act at a target of another kind is not told', async () => {
  const verbs = { connectors: CONNECTORS, standing: assert.fail, io: assert.fail, seal: assert.fail, unseal: assert.fail }
  const target = CONNECTORS.github?.example.target ?? assert.fail()
  await assert.rejects(discover(target, verbs), { code: 'invalid_argument', detail: /postgres.*, and not for github$/ })
})

test('there is a file of providers for nothing else', () => {
  assert.ok(KINDS.every(({ minting }) => minting.propagationMs >= 0))
})

async function failed(): Promise<never> {
  throw new StintError('upstream_failed', 'the connection failed')
}

function answer(status: number, body: string) {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(body) }
}

import { randomBytes } from 'node:crypto'
import { asStintError, StintError } from '../../errors.ts'
import { Secret } from '../../secret.ts'
import type { Change, RotationState } from './rotation-record.ts'
import { endStrays, type Lent, newOf, proveDead, type Turning } from './turning.ts'
import { undo } from './undo.ts'
import { graceMs, nameOf, propagationMs } from './windows.ts'

/** How a step goes on: at once, or not before a time (epoch milliseconds). */
type Next = Promise<number | undefined>

/**
 * THE ROTATION: one step from the state it is in. Each is durable before the next, and is taken again after a crash. Throws what the
 * target, the vault, the store and the log throw; then it is tried again later.
 */
export function step(turning: Turning, verbs: Lent): Next {
  const steps: Readonly<Record<RotationState, () => Next>> = {
    making: () => make(turning, verbs),
    verifying: () => verify(turning, verbs),
    storing: () => store(turning, verbs),
    retiring: () => retire(turning, verbs),
    undoing: () => undo(turning, verbs),
    dead: async () => undefined,
    undone: async () => undefined,
  }
  return steps[turning.record.state]()
}

/** Nothing is asked for before the probe was seen to tell a key that works from one that does not. */
async function make(turning: Turning, { now }: Lent): Next {
  const { calls, keys } = turning
  if (turning.record.askedAt !== undefined) return askAgain(turning, now())
  if ((await turning.look('old')) === 'refused')
    return giveUp(turning, { endedAt: now(), why: 'the target refuses the value in the vault' })
  if (await takesAnything(turning))
    return giveUp(turning, { endedAt: now(), why: 'the probe takes any value, so it cannot tell a dead key' })
  await turning.told('make')
  await turning.change({ askedAt: now() })
  const making = await calls.make(keys.old)
  if (making.kind === 'made') {
    const { value, id } = making.made
    await turning.move('verifying', { madeAt: now(), ...(id !== undefined && { newId: id }) }, { ...keys, new: value })
    return undefined
  }
  if (making.kind === 'refused') return void (await turning.move('undoing', { why: `no key was made: ${making.why}` }))
  if (making.kind === 'busy') await turning.change({ askedAt: undefined })
  throw new StintError('upstream_failed', making.why)
}

/** It was asked for, and nobody heard what came of it: what can be found is ended, and what cannot is spoken of. */
async function askAgain(turning: Turning, now: number): Next {
  const { record, keys } = turning
  if (record.recipe.find === undefined) {
    const why = `nobody heard whether a key was made: ${record.lastError ?? 'Stint stopped meanwhile'}`
    return giveUp(turning, { endedAt: now, why, unaccounted: nameOf(record) })
  }
  const listedAt = (record.askedAt ?? now) + propagationMs(record)
  if (now < listedAt) return listedAt
  await endStrays(turning, keys.old)
  await turning.change({ askedAt: undefined })
  return undefined
}

async function giveUp(turning: Turning, change: Change): Next {
  await turning.told('undone', change)
  await turning.move('undone', change)
  return undefined
}

/** A value that nobody has. What says neither yes nor no to it has not said yes. */
async function takesAnything(turning: Turning): Promise<boolean> {
  try {
    return (await turning.lookAt(new Secret(randomBytes(24).toString('hex')))) === 'live'
  } catch (thrown) {
    if (asStintError(thrown).code === 'upstream_failed') return false
    throw thrown
  }
}

async function verify(turning: Turning, { now }: Lent): Next {
  if ((await turning.look('new')) === 'live') return void (await turning.move('storing'))
  const { madeAt = 0 } = turning.record
  const knownAt = madeAt + propagationMs(turning.record)
  if (now() < knownAt) return Math.min(knownAt, now() + 1000)
  return void (await turning.move('undoing', { why: 'the target refuses the key that it made' }))
}

/** The vault has the old value until here. Whoever replaced it by hand meanwhile is right. */
async function store(turning: Turning, { vault, everyoneHas, now }: Lent): Next {
  const { record } = turning
  const current = turning.inVault()
  const made = newOf(turning)
  const isStored = current?.reveal() === made.reveal()
  if (!isStored && turning.version() !== record.version)
    return void (await turning.move('undoing', { why: 'the credential was changed by hand meanwhile' }))
  if (!isStored) {
    await turning.told('store')
    await vault.replace(record.credentialId, made, record.version)
  }
  await everyoneHas()
  await turning.move('retiring', { storedAt: now() })
  return undefined
}

/** The old key is ended once nobody uses it and the new one was seen to work again. */
async function retire(turning: Turning, { now }: Lent): Next {
  const { record, keys } = turning
  const unusedAt = (record.storedAt ?? 0) + graceMs(record)
  if (now() < unusedAt) return unusedAt
  const current = turning.inVault()
  const isBack = current?.reveal() === keys.old.reveal()
  if (isBack && record.retiredAt === undefined)
    return void (await turning.move('undoing', { why: 'the old value was put back by hand' }))
  const stays = isBack || current === undefined ? newOf(turning) : current
  if (record.retiredAt === undefined) {
    if ((await turning.lookAt(stays)) === 'refused')
      throw new StintError('upstream_failed', 'the target refuses the new key now, so the old one is not ended')
    await turning.told('retire')
    await turning.calls.retire({ value: keys.old, id: record.oldId }, stays)
    await turning.change({ retiredAt: now() })
  }
  const honouredUntil = (turning.record.retiredAt ?? 0) + propagationMs(record)
  if (now() < honouredUntil) return honouredUntil
  await proveDead(turning, 'old', stays)
  await endStrays(turning, stays)
  await turning.told('dead')
  await turning.move('dead', { endedAt: now() })
  return undefined
}

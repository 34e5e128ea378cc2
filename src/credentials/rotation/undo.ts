import { wasSeenLive } from './rotation-record.ts'
import { endStrays, type Lent, proveDead, type Turning } from './turning.ts'
import { nameOf, propagationMs } from './windows.ts'

/** Ends the key that was made, by the value that stays in the vault. What cannot be proved gone is spoken of by name. */
export async function undo(turning: Turning, { now }: Lent): Promise<number | undefined> {
  const { record, keys } = turning
  const stays = turning.inVault() ?? keys.old
  if (keys.new !== undefined) {
    if (record.retiredAt === undefined) {
      await turning.told('undo')
      await turning.calls.retire({ value: keys.new, id: record.newId }, stays)
      await turning.change({ retiredAt: now() })
    }
    const honouredUntil = (turning.record.retiredAt ?? 0) + propagationMs(record)
    if (now() < honouredUntil) return honouredUntil
    await proveDead(turning, 'new', stays)
  }
  if (record.recipe.find !== undefined) {
    const listedAt = (record.askedAt ?? 0) + propagationMs(record)
    if (now() < listedAt) return listedAt
    await endStrays(turning, stays)
  }
  const change = { endedAt: now(), ...unaccounted(turning) }
  await turning.told('undone', change)
  await turning.move('undone', change)
  return undefined
}

/** A key that never worked is refused like any other text: that alone does not prove it gone. */
function unaccounted({ record, keys }: Turning): { readonly unaccounted?: string } {
  if (record.recipe.find !== undefined || keys.new === undefined || wasSeenLive(record, 'new')) return {}
  return { unaccounted: nameOf(record) }
}

import { moment } from './currency.ts'
import type { SharedStore } from './postgres-store.ts'
import { type Enrolled, isThere, readRoll } from './roll.ts'

/** Who has taken the changes of the state that several processes share. */
export interface Confirmation {
  /** Each other gateway that has taken them, and after how many milliseconds it was heard to. */
  readonly confirmed: readonly { readonly id: string; readonly ms: number }[]
  /** Those that did not say so within their bound: they refuse everything since, or are gone. */
  readonly unconfirmed: readonly string[]
}

type Waited = Pick<Enrolled, 'id' | 'followed' | 'boundMs' | 'silentMs'>

/** For clocks that run at different speeds. */
const MARGIN_MS = 250

/** What other gateways say of themselves, and who waits for it. */
export function createConfirmation(store: SharedStore, self: string) {
  const said = new Map<string, { readonly followed: number; readonly steady: number; readonly boundMs: number }>()
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const look of waiting) look()
  }
  return { heard, left, isHere, confirm }

  function heard(id: string, followed: number, boundMs: number): void {
    said.set(id, { followed, boundMs, steady: moment().steady })
    wake()
  }

  function left(id: string): void {
    said.delete(id)
    wake()
  }

  function isHere(id: string): boolean {
    const last = said.get(id)
    return last !== undefined && moment().steady - last.steady < last.boundMs
  }

  /**
   * A gateway that has not taken what was committed when this is called knows nothing newer, so within its bound from now it refuses
   * everything by itself: there is no need to wait any longer, or for one that was silent for so long already.
   */
  async function confirm(): Promise<Confirmation> {
    const startedAt = moment().steady
    const upTo = store.followed
    const others = (await readRoll(store).catch(lastHeard)).filter(({ id }) => id !== self)
    const ends = await Promise.all(others.map((other) => end(other, upTo)))
    const late = ends.includes('late') ? await readRoll(store).catch(lastHeard) : []
    const confirmed: { id: string; ms: number }[] = []
    const unconfirmed: string[] = []
    others.forEach(({ id }, at) => {
      const outcome = ends[at] ?? 'late'
      const isLate = outcome === 'late' && !late.some((one) => one.id === id && one.followed >= upTo)
      if (isLate) unconfirmed.push(id)
      else if (outcome !== 'left') confirmed.push({ id, ms: (outcome === 'late' ? moment().steady : outcome) - startedAt })
    })
    return { confirmed, unconfirmed }
  }

  /** The database does not answer any more: those that were heard of are waited for, and named if they say nothing. */
  function lastHeard(): readonly Waited[] {
    return [...said].map(([id, { followed, boundMs }]) => ({ id, followed, boundMs, silentMs: 0 }))
  }

  /** When it was heard to have taken them; or that it is too late for it, or that it stopped. */
  function end(other: Waited, upTo: number): Promise<number | 'late' | 'left'> {
    if (other.followed >= upTo) return Promise.resolve(moment().steady)
    if (!isThere(other)) return Promise.resolve('late')
    return new Promise((done) => {
      const wasHere = said.has(other.id)
      const finish = (outcome: number | 'late' | 'left'): void => {
        waiting.delete(look)
        clearTimeout(timer)
        done(outcome)
      }
      const look = (): void => {
        const last = said.get(other.id)
        if (last === undefined && wasHere) finish('left')
        if (last !== undefined && last.followed >= upTo) finish(moment().steady)
      }
      const timer = setTimeout(() => finish('late'), other.boundMs + MARGIN_MS)
      waiting.add(look)
      look()
    })
  }
}

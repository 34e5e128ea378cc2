import { randomUUID } from 'node:crypto'
import { StintError } from '../errors.ts'
import { type Confirmation, createConfirmation } from './confirm.ts'
import { createCurrency, type Moment, moment } from './currency.ts'
import { type Line, listen } from './listen.ts'
import { CHANGED, type SharedStore } from './postgres-store.ts'
import { beat, enrol, isThere, type Joining, readRoll, strike } from './roll.ts'

/** This process among those that share the state. */
export interface Membership {
  readonly self: string
  /** Whether the state is where other processes can share it. */
  readonly isShared: boolean
  /** Whether everything that was committed before the bound has been heard here. From memory, for every decision (G4). */
  isCurrent(): boolean
  /** Hears each time it stops being current, in the tick the bound passes. */
  onCutOff(listener: () => void): void
  /** Whether that gateway was heard of within its bound. */
  isHere(id: string): boolean
  /** Ids of the other gateways that are there now. Throws `store_unavailable`. */
  others(): Promise<readonly string[]>
  /** Waits until every other gateway has taken what this one has, or refuses everything because it has not (G3). Throws nothing. */
  confirm(): Promise<Confirmation>
  /**
   * Joins the others and begins to follow; called once, when everything that watches has read what it keeps. Throws `already_running` for
   * an id that another process has, `state_unsafe` where keys differ from those of the others, `store_unavailable`.
   */
  join(keys: Joining['keys']): Promise<void>
  /** Called when this process serves nothing any more. */
  leave(): Promise<void>
}

/** Hears of the beginning and the end of an outage. */
export type Outage = (told: { readonly isOver: boolean; readonly why?: unknown }) => void

/** So many heartbeats fit into the bound. */
const BEATS = 4
/** How long the first round trip may take. */
const JOIN_MS = 5000

/**
 * What proves that changes are heard is a round trip: this process says something on the channel, hears it, then takes what was committed
 * by then. All that was committed before it spoke is then known, whatever a socket seems to be. `boundMs` old knowledge is none (G4).
 */
export function createMembership(store: SharedStore, self: string, boundMs: number, onOutage: Outage): Membership {
  const session = randomUUID()
  const listeners: (() => void)[] = []
  const confirmation = createConfirmation(store, self)
  const currency = createCurrency(boundMs, () => {
    for (const listener of listeners) listener()
  })
  const spoken = new Map<number, Moment>()
  let joining: Joining = { id: self, session, boundMs, keys: {} }
  let line: Line | undefined
  let timer: NodeJS.Timeout | undefined
  let beats = 0
  let isOut = false
  let onFirst: () => void = () => undefined

  return {
    self,
    isShared: true,
    isCurrent: currency.isCurrent,
    onCutOff: (listener) => listeners.push(listener),
    isHere: (id) => id === self || confirmation.isHere(id),
    others: async () => (await readRoll(store)).filter((one) => one.id !== self && isThere(one)).map(({ id }) => id),
    confirm: confirmation.confirm,
    join,
    leave,
  }

  async function join(keys: Joining['keys']): Promise<void> {
    joining = { ...joining, keys }
    await enrol(store, joining)
    const first = new Promise<void>((heard) => (onFirst = heard))
    line = listen(store.place, store.channel, boundMs, { onOpen: () => speak(), onMessage: hear, onBroken: trouble })
    timer = setInterval(() => speak(), boundMs / BEATS).unref()
    await within(JOIN_MS, first)
  }

  async function leave(): Promise<void> {
    clearInterval(timer)
    currency.close()
    await line?.close()
    if (line !== undefined) await strike(store, joining, JSON.stringify(['left', self])).catch(trouble)
  }

  function speak(): void {
    if (line === undefined) return
    const number = ++beats
    spoken.set(number, moment())
    spoken.delete(number - 10 * BEATS)
    const message = JSON.stringify(['beat', self, session, number, store.followed, boundMs])
    beat(line, store.channel, joining, store.followed, message).catch(trouble)
  }

  /** Attacker-controlled only by whoever has the database already. What is not understood is not heard. */
  function hear(payload: string): void {
    if (payload === CHANGED) return void take().then(speak, trouble)
    const [what, id, by, number, followed, bound] = parse(payload)
    if (typeof id !== 'string') return
    if (what === 'left') confirmation.left(id)
    if (what !== 'beat' || typeof number !== 'number') return
    if (by === session) return void prove(number).catch(trouble)
    if (id !== self) confirmation.heard(id, Number(followed), Number(bound))
  }

  async function prove(number: number): Promise<void> {
    const at = spoken.get(number)
    if (at === undefined) return
    const before = store.followed
    await take()
    currency.known(at)
    if (store.followed !== before) speak()
    onFirst()
    if (isOut) onOutage({ isOver: true })
    isOut = false
  }

  function take(): Promise<void> {
    return store.follow()
  }

  function trouble(why: unknown): void {
    if (!isOut) onOutage({ isOver: false, why })
    isOut = true
  }
}

function parse(payload: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(payload)
    return Array.isArray(value) ? value : []
  } catch {
    return [] // nobody of ours says that
  }
}

async function within(ms: number, waited: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const words = 'the database does not pass on what is said on it; connect to PostgreSQL itself, or by a pooler in session mode'
    late.reject(new StintError('store_unavailable', words))
  }, ms)
  try {
    await Promise.race([waited, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

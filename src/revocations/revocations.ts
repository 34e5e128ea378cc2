import { StintError } from '../errors.ts'
import type { Revocation, Selector } from '../model.ts'
import { type Ancestors, nameOf, namesCovering, type Subject } from '../selector.ts'
import type { Store } from '../store/store.ts'
import type { RevocationRow } from '../store/tables.ts'

/** The durable, numbered list of "deny from now on", held in memory for the hot path. */
export interface Revocations {
  /** In force, and durable, when it resolves. Throws `store_unavailable`; it is then not in force. */
  add(selector: Selector, reason: string, by: string): Promise<Revocation>
  /** Lifts it, as a new recorded act. Throws `not_found`, or `conflict` when it is lifted already. */
  lift(number: number, by: string): Promise<Revocation>
  /** Newest first. */
  list(): Promise<readonly Revocation[]>
  /** Hears of every revocation that another process put in force, in the tick in which it is in force here; before it counts as heard. */
  onHeard(listener: (revocation: Revocation) => void): void
  /** The first revocation in force that covers this, from memory. */
  covering(subject: Subject): Revocation | undefined
  /** How many are in force. */
  readonly size: number
}

/** Reads the list and follows its changes. `ancestors` lists a task's parents. */
export async function openRevocations(store: Store, now: () => number, ancestors: Ancestors): Promise<Revocations> {
  const inForce = new Map<number, Revocation>()
  /** Numbers that this process gave. */
  const own = new Set<number>()
  const listeners: ((revocation: Revocation) => void)[] = []
  let byName: ReadonlyMap<string, Revocation> = new Map()
  const remember = (revocation: Revocation): void => {
    if (revocation.liftedAt === undefined) inForce.set(revocation.number, revocation)
    else inForce.delete(revocation.number)
    byName = new Map([...inForce.values()].map((one) => [nameOf(one.selector), one]))
  }
  const load = async (number: number): Promise<Revocation> => {
    const row = await store.db.selectFrom('revocations').selectAll().where('number', '=', number).executeTakeFirst()
    if (row === undefined) throw new StintError('not_found', `there is no revocation ${number}`)
    return fromRow(row)
  }
  store.watch('revocation', hear)
  for (const revocation of await list()) remember(revocation)
  return {
    add,
    lift,
    list,
    covering,
    onHeard: (listener) => listeners.push(listener),
    get size() {
      return inForce.size
    },
  }

  async function hear(ids: readonly string[]): Promise<void> {
    const rows = await store.db.selectFrom('revocations').selectAll().where('number', 'in', ids.map(Number)).execute()
    for (const revocation of rows.map(fromRow)) {
      const { number, liftedAt } = revocation
      const isNew = liftedAt === undefined && !inForce.has(number)
      remember(revocation)
      if (isNew && !own.has(number)) for (const listener of listeners) listener(revocation)
    }
  }

  async function add(selector: Selector, reason: string, by: string): Promise<Revocation> {
    const id = selector.kind === 'all' ? null : selector.id
    const number = await store.write(async (tx, changed) => {
      const { number } = await tx
        .insertInto('revocations')
        .values({ kind: selector.kind, id, reason, by, at: now() })
        .returning('number')
        .executeTakeFirstOrThrow()
      own.add(number)
      changed('revocation', String(number))
      return number
    })
    return load(number)
  }

  async function lift(number: number, by: string): Promise<Revocation> {
    await store.write(async (tx, changed) => {
      const found = await tx.selectFrom('revocations').select('lifted_at').where('number', '=', number).executeTakeFirst()
      if (found === undefined) throw new StintError('not_found', `there is no revocation ${number}`)
      if (found.lifted_at !== null) throw new StintError('conflict', `revocation ${number} is lifted already`)
      await tx.updateTable('revocations').set({ lifted_at: now(), lifted_by: by }).where('number', '=', number).execute()
      changed('revocation', String(number))
    })
    return load(number)
  }

  async function list(): Promise<readonly Revocation[]> {
    const rows = await store.db.selectFrom('revocations').selectAll().orderBy('number', 'desc').execute()
    return rows.map(fromRow)
  }

  function covering(subject: Subject): Revocation | undefined {
    if (byName.size === 0) return undefined
    const name = namesCovering(subject, ancestors).find((one) => byName.has(one))
    return name === undefined ? undefined : byName.get(name)
  }
}

const SELECTOR_KINDS = ['task', 'caller', 'owner', 'target', 'credential'] as const

/** A selector from outside. Throws `invalid_argument` for any other kind. */
export function parseSelector(kind: string, id: string | null | undefined): Selector {
  if (kind === 'all') return { kind }
  const known = SELECTOR_KINDS.find((one) => one === kind)
  if (known === undefined || !id)
    throw new StintError('invalid_argument', `a selector is all, or ${SELECTOR_KINDS.join(', ')} with an id`)
  return { kind: known, id }
}

function fromRow(row: RevocationRow): Revocation {
  const { number, reason, by, at, lifted_at, lifted_by } = row
  return {
    number,
    selector: parseSelector(row.kind, row.id),
    reason,
    by,
    at,
    ...(lifted_at !== null && { liftedAt: lifted_at }),
    ...(lifted_by !== null && { liftedBy: lifted_by }),
  }
}

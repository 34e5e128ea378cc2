import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Glass, openGlass, type Person } from '../../src/glass/glass.ts'
import type { OpeningAct } from '../../src/glass/keeper.ts'
import type { Opening } from '../../src/glass/opening.ts'
import type { Target, Task } from '../../src/model.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { TASK } from '../credentials/permit.ts'
import { TARGET } from '../targets/fixture.ts'

/** Who asks, and who reviews. */
export const ANA: Person = { callerId: 'spiffe://stint.local/person/ana', person: 'ana' }
export const DOT: Person = { callerId: 'spiffe://stint.local/person/dot', person: 'dot' }
export const LIVE: { readonly task: Task; readonly target: Target } = {
  task: { ...TASK, expiresAt: Date.now() + 3_600_000 },
  target: TARGET,
}

/** A glass on what one directory holds: the state, the log, the alerts and what people said. */
export interface Rig {
  readonly glass: Glass
  readonly store: Store
  readonly reported: unknown[]
  /** What the log has, the alerts, and what was begun, each a line: `opened opening_…`. */
  told(): readonly string[]
  sayYes(name: string, opening: Opening): void
  close(): Promise<void>
}

/** Opens what the directory holds. `at` hears of each step that leaves something behind, before and after. */
export async function openRig(
  directory: string,
  at: (moment: string) => void = () => undefined,
  refuses: (act: OpeningAct) => boolean = () => false,
): Promise<Rig> {
  const [log, said] = [join(directory, 'log'), join(directory, 'said')]
  const reported: unknown[] = []
  const step = async <T>(name: string, act: () => T | Promise<T>): Promise<T> => {
    at(`before ${name}`)
    const done = await act()
    at(`after ${name}`)
    return done
  }
  const tell = (name: string, line: string): Promise<void> => step(name, () => appendFileSync(log, `${line}\n`))
  const linesOf = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [])
  const inner = await openStore(join(directory, 'state.db'))
  const store: Store = { ...inner, write: (work) => step('a write', () => inner.write(work)) }
  const glass = await openGlass(store, {
    ...{ now: Date.now, others: async () => [], everyoneHas: async () => undefined, liveTask: () => LIVE.task },
    ...{ target: () => TARGET, valueSince: () => 0, isApprover: () => true, refuseUnmeetable: () => undefined },
    async answered({ id }) {
      const by = linesOf(said).filter((line) => line.endsWith(id))
      return { state: by.length < 2 ? 'pending' : 'granted', isMet: by.length >= 2, by, expiresAt: Date.now() + 600_000 }
    },
    async ask({ id }) {
      await tell('the question', `question ${id}`)
      return `approval of ${id}`
    },
    async renew(credentialId) {
      await tell('the rotation', `rotation ${credentialId}`)
      return 'begun'
    },
    drill: () => step('the drill', () => [{ step: 'try', ok: true, detail: 'well' }]),
    async record(act, { id, why = '' }) {
      if (refuses(act)) throw new Error('the log takes nothing')
      await tell(`the entry “${act}”`, `${act} ${id} ${why}`)
    },
    alert: ({ id }) => appendFileSync(log, `alert ${id}\n`),
    report: (thrown) => reported.push(thrown),
  })
  return {
    ...{ glass, store, reported },
    told: () => linesOf(log),
    sayYes(name, { id, approvalId = '' }) {
      appendFileSync(said, `${name} ${id}\n`)
      glass.heardAnswers([approvalId])
    },
    async close() {
      glass.stop()
      await inner.close()
    },
  }
}

import type { Flow, Selector } from '../model.ts'
import { type Ancestors, covers, type Subject } from '../selector.ts'

/** Everything open in this gateway that a revocation must be able to cut at once (G3). */
export interface Flows {
  open(subject: Subject): Flow
  /** Cuts every open flow the selector covers and `isMeant` picks, in this tick; answers how many. */
  cut(selector: Selector, isMeant?: (subject: Subject) => boolean): number
  readonly size: number
}

/** An empty register of open flows. `ancestors` lists a task's parents, so that cutting a parent cuts its children (G7). */
export function createFlows(ancestors: Ancestors): Flows {
  const flows = new Set<OpenFlow>()
  return {
    get size() {
      return flows.size
    },
    open(subject) {
      const flow = new OpenFlow(subject, flows)
      flows.add(flow)
      return flow
    },
    cut(selector, isMeant = () => true) {
      let count = 0
      withoutStacks(() => {
        for (const flow of flows) {
          if (!covers(selector, flow.subject, ancestors) || !isMeant(flow.subject)) continue
          flow.cut()
          count += 1
        }
      })
      return count
    },
  }
}

const { stackTraceLimit } = Error
let cuts = 0

/**
 * Every socket that is broken off makes errors, now and in the next turn of the event loop, when it has closed; writing down where for
 * each of thousands takes as long as breaking them off.
 */
function withoutStacks(work: () => void): void {
  cuts += 1
  Error.stackTraceLimit = 0
  try {
    work()
  } finally {
    setImmediate(() => setImmediate(withStacksAgain)) // sockets close at the end of a turn, after the first of these
  }
}

function withStacksAgain(): void {
  cuts -= 1
  if (cuts === 0) Error.stackTraceLimit = stackTraceLimit
}

class OpenFlow implements Flow {
  readonly subject: Subject
  isCut = false
  readonly #register: Set<OpenFlow>
  #cuts: (() => void)[] | undefined

  constructor(subject: Subject, register: Set<OpenFlow>) {
    this.subject = subject
    this.#register = register
  }

  onCut(cut: () => void): void {
    if (this.isCut) cut()
    else if (this.#cuts === undefined) this.#cuts = [cut]
    else this.#cuts.push(cut)
  }

  cut(): void {
    this.isCut = true
    this.#register.delete(this)
    for (const cut of this.#cuts ?? []) cut()
    this.#cuts = undefined
  }

  close(): void {
    this.#register.delete(this)
    this.#cuts = undefined
  }
}

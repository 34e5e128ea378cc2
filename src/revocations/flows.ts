import type { About, Flow, Selector, Task } from '../model.ts'

/** What a revocation looks at. A connection that is proved but carries no exchange yet has no target. */
export type FlowSubject = Omit<About, 'target'> & { readonly target?: About['target'] }

/** Everything open in this gateway that a revocation must be able to cut at once (G3). */
export interface Flows {
  open(subject: FlowSubject): Flow
  /** Cuts every open flow the selector covers, in this tick; answers how many. */
  cut(selector: Selector): number
  readonly size: number
}

/** An empty register of open flows. `ancestors` lists a task's parents, so that cutting a parent cuts its children (G7). */
export function createFlows(ancestors: (task: Task) => readonly string[]): Flows {
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
    cut(selector) {
      let count = 0
      for (const flow of flows) {
        if (!selects(selector, flow.subject, ancestors)) continue
        flow.cut()
        count += 1
      }
      return count
    },
  }
}

class OpenFlow implements Flow {
  readonly subject: FlowSubject
  isCut = false
  readonly #register: Set<OpenFlow>
  #cuts: (() => void)[] | undefined

  constructor(subject: FlowSubject, register: Set<OpenFlow>) {
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

/** Whether the selector covers this subject. The one place that knows what a selector means. */
export function selects(selector: Selector, subject: FlowSubject, ancestors: (task: Task) => readonly string[]): boolean {
  switch (selector.kind) {
    case 'all':
      return true
    case 'task':
      return selector.id === subject.task.id || ancestors(subject.task).includes(selector.id)
    case 'caller':
      return (
        selector.id === subject.caller.id || selector.id === subject.task.workload || subject.caller.actors.includes(selector.id)
      )
    case 'owner':
      return selector.id === subject.task.owner
    case 'target':
      return selector.id === subject.target?.id
    case 'credential':
      return subject.target?.credentialId === selector.id
    default:
      return refuseUnknown(selector)
  }
}

/** An unknown selector covers everything: what cannot be understood is denied. */
function refuseUnknown(_selector: never): true {
  return true
}

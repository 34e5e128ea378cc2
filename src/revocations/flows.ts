import type { CountOut, Flow, Selector } from '../model.ts'
import { type Ancestors, covers, type Subject } from '../selector.ts'

/** Everything open in this gateway that a revocation must be able to cut at once (G3). */
export interface Flows {
  open(subject: Subject, countOut?: CountOut): Flow
  /** Cuts every open flow the selector covers and `isMeant` picks, in this tick; answers how many. */
  cut(selector: Selector, isMeant?: (subject: Subject) => boolean): number
  readonly size: number
}

/**
 * An empty register of open flows. `ancestors` lists a task's parents, so that cutting a parent cuts its children (G7). What a task covers
 * is found without looking at the rest: of thousands below one that ends, each is cut for itself.
 */
export function createFlows(ancestors: Ancestors): Flows {
  const register = new Register()
  return {
    get size() {
      return register.all.size
    },
    open(subject, countOut) {
      const { task } = subject
      return new OpenFlow(subject, [task.id, ...ancestors(task)], register, countOut)
    },
    cut(selector, isMeant = () => true) {
      let count = 0
      withoutStacks(() => {
        const isCovered = ({ subject }: OpenFlow) => selector.kind === 'task' || covers(selector, subject, ancestors)
        for (const flow of selector.kind === 'task' ? register.under(selector.id) : register.all) {
          if (!isCovered(flow) || !isMeant(flow.subject)) continue
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

const NONE: readonly OpenFlow[] = []

/** Open flows: all of them, and by each task that covers them. */
class Register {
  readonly all = new Set<OpenFlow>()
  readonly #byTask = new Map<string, Set<OpenFlow>>()

  under(taskId: string): Iterable<OpenFlow> {
    return this.#byTask.get(taskId) ?? NONE
  }

  add(flow: OpenFlow): void {
    this.all.add(flow)
    for (const id of flow.taskIds) {
      const open = this.#byTask.get(id)
      if (open === undefined) this.#byTask.set(id, new Set([flow]))
      else open.add(flow)
    }
  }

  delete(flow: OpenFlow): void {
    if (!this.all.delete(flow)) return
    for (const id of flow.taskIds) {
      const open = this.#byTask.get(id)
      open?.delete(flow)
      if (open?.size === 0) this.#byTask.delete(id)
    }
  }
}

class OpenFlow implements Flow {
  readonly subject: Subject
  /** Of its task and of those above it, as they were when it was opened. */
  readonly taskIds: readonly string[]
  isCut = false
  readonly countOut: CountOut | undefined
  readonly #register: Register
  #cuts: (() => void)[] | undefined

  constructor(subject: Subject, taskIds: readonly string[], register: Register, countOut: CountOut | undefined) {
    this.subject = subject
    this.taskIds = taskIds
    this.countOut = countOut
    this.#register = register
    register.add(this)
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

import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** One process, for as long as it lives: a pid is used again, a pid with its start time is not. Linux only. */
export interface ProcessId {
  readonly pid: number
  /** Clock ticks since boot (proc(5), field 22 of stat). */
  readonly startTime: number
}

export interface ProcessStat extends ProcessId {
  readonly ppid: number
  /** It ended, and only its parent has not taken notice. */
  readonly isZombie: boolean
}

const POLL_MS = 20
const KILL_LIMIT_MS = 10_000

/** What /proc says of a process now; undefined when there is none, or no /proc. */
export function statOf(pid: number): ProcessStat | undefined {
  const text = readProc(`${pid}/stat`)
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ppid = Number(fields[1])
  const startTime = Number(fields[19])
  if (!Number.isInteger(ppid) || !Number.isInteger(startTime)) return undefined
  return { pid, ppid, startTime, isZombie: isDead(fields[0]) && threadCount(pid) <= 1 }
}

function isDead(state: string | undefined): boolean {
  return state === 'Z' || state === 'X'
}

/** A process whose first thread ended looks like a zombie while its other threads run on. */
function threadCount(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length
  } catch {
    return 0
  }
}

/**
 * True when `pid` is the root or below it, now. A parent that started after its child is another process with the same pid.
 */
export function isDescendant(pid: number, root: ProcessId): boolean {
  let child = statOf(pid)
  while (child !== undefined) {
    if (child.pid === root.pid) return child.startTime === root.startTime
    const parent = statOf(child.ppid)
    if (parent !== undefined && parent.startTime > child.startTime) return false
    child = parent
  }
  return false
}

/** Everything below the root, without the root and without zombies. Empty when the root is gone. */
export function descendants(root: ProcessId): ProcessStat[] {
  return below([root]).filter((process) => process.pid !== root.pid)
}

function below(roots: readonly ProcessId[]): ProcessStat[] {
  const children = Map.groupBy(allProcesses(), (process) => process.ppid)
  const found = new Map<number, ProcessStat>()
  const queue = roots.filter((root) => statOf(root.pid)?.startTime === root.startTime)
  for (const parent of queue) {
    const own = (children.get(parent.pid) ?? []).filter((child) => !found.has(child.pid) && child.startTime >= parent.startTime)
    for (const child of own) found.set(child.pid, child)
    queue.push(...own)
  }
  return [...found.values()].filter((process) => !process.isZombie)
}

/** The ids of all processes there are, in no order. Empty where there is no /proc. */
export function allPids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

function allProcesses(): ProcessStat[] {
  return allPids().flatMap((pid) => statOf(pid) ?? [])
}

/**
 * Ends everything below the root, and the root unless it is this process: SIGTERM, after `graceMs` SIGKILL, until none is left.
 * Daemons belong to it when the root is a subreaper (`becomeSubreaper`). Answers who is left: nobody, save for processes
 * of other users and those the kernel cannot end.
 */
export async function killTree(root: ProcessId, options: { graceMs: number }): Promise<readonly number[]> {
  const known = new Map<number, ProcessStat>()
  await signalUntilGone(root, known, 'SIGTERM', options.graceMs)
  return signalUntilGone(root, known, 'SIGKILL', KILL_LIMIT_MS)
}

/** SIGTERM reaches each process once, SIGKILL as often as it takes. */
async function signalUntilGone(
  root: ProcessId,
  known: Map<number, ProcessStat>,
  signal: 'SIGTERM' | 'SIGKILL',
  limitMs: number,
): Promise<readonly number[]> {
  const until = performance.now() + limitMs
  for (;;) {
    const left = livingTree(root, known)
    if (left.length === 0 || performance.now() >= until) return left.map(({ pid }) => pid)
    for (const process of left) {
      if (signal === 'SIGKILL' || known.get(process.pid)?.startTime !== process.startTime) signalOne(process, signal)
      known.set(process.pid, process)
    }
    await delay(POLL_MS)
  }
}

/** Also what was seen before and what is below that, since it has another parent now if the one between is gone. */
function livingTree(root: ProcessId, known: ReadonlyMap<number, ProcessStat>): ProcessStat[] {
  const own = root.pid === process.pid ? [] : [root]
  const before = [...own, ...known.values()].flatMap((seen) => {
    const now = statOf(seen.pid)
    return now?.startTime === seen.startTime && !now.isZombie ? [now] : []
  })
  const living = [...before, ...below([root, ...known.values()])].filter(({ pid }) => pid !== process.pid)
  return [...new Map(living.map((one) => [one.pid, one])).values()]
}

function signalOne(target: ProcessId, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (statOf(target.pid)?.startTime !== target.startTime) return
  try {
    process.kill(target.pid, signal)
  } catch {
    // It ended just now, or belongs to another user; the next look says which.
  }
}

/**
 * The environment a process was started with; undefined when it may not be read. A hint and no proof: a process can give its
 * children another one.
 */
export function environmentOf(pid: number): ReadonlyMap<string, string> | undefined {
  const text = readProc(`${pid}/environ`)
  if (text === undefined) return undefined
  const pairs = text.split('\0').filter((pair) => pair.includes('='))
  return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return undefined
  }
}

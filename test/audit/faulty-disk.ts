import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { type Disk, realDisk } from '../../src/audit/disk.ts'

/** What goes wrong at one step: the verb fails undone, or fails though it was done, or the machine stops before it. */
export type Fault =
  | 'fails'
  | 'fails but was done'
  /** Power is lost: whatever was not synced is gone. */
  | 'power is lost'
  /** The process dies: the page cache lives on. */
  | 'process dies'
  /** Power is lost in the middle of a write: half of it arrived. */
  | 'half is written'

/** The real disk with one fault in it. Steps are the verbs that change something, counted from 0. */
export interface FaultyDisk extends Disk {
  /** How many steps there were, by name. */
  readonly steps: string[]
  /** True once the machine stopped: from then on every verb fails. */
  stopped(): boolean
  /** From now on nothing can be written, until `free`. */
  fill(): void
  free(): void
}

interface Undo {
  /** What makes it durable: a sync of this path. */
  readonly syncedBy: string
  revert(): void
}

/** A disk on which `fault` happens at step `at`. Without one it only counts. What is durable is kept account of, so nothing is really synced. */
export function createFaultyDisk(at = -1, fault: Fault = 'fails'): FaultyDisk {
  const steps: string[] = []
  let undo: Undo[] = []
  let stopped = false
  let full = false

  async function step(name: string, work: () => Promise<void>, half?: () => Promise<void>): Promise<void> {
    if (stopped) throw new Error('the machine has stopped')
    const number = steps.push(name) - 1
    if (full && name !== 'remove') throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    if (number !== at) return work()
    if (fault === 'fails') throw new Error(`EIO: ${name}`)
    if (fault === 'fails but was done') {
      await work()
      throw new Error(`EIO: ${name}`)
    }
    if (fault === 'half is written' && half !== undefined) await half()
    stopped = true
    if (fault !== 'process dies')
      for (const one of undo.reverse().slice(half && fault === 'half is written' ? 1 : 0)) one.revert()
    throw new Error(`stopped before ${name}`)
  }

  const synced = (path: string): void => {
    undo = undo.filter(({ syncedBy }) => syncedBy !== path)
  }
  const contentOf = (path: string): Buffer | undefined => (existsSync(path) ? readFileSync(path) : undefined)
  const restore = (path: string, content: Buffer | undefined) => () => {
    if (content === undefined) rmSync(path, { force: true })
    else writeFileSync(path, content)
  }

  return {
    steps,
    stopped: () => stopped,
    fill: () => {
      full = true
    },
    free: () => {
      full = false
    },
    async create(path) {
      let file: Awaited<ReturnType<Disk['create']>> | undefined
      const before = contentOf(path)
      await step('create', async () => {
        file = await realDisk.create(path)
        undo.push({ syncedBy: dirname(path), revert: restore(path, before) })
      })
      if (file === undefined) throw new Error('not created')
      const open = file
      let name = path
      moves.set(path, (to) => {
        name = to
      })
      return {
        write(chunks, position) {
          const bytes = Buffer.concat(chunks)
          const note = () => {
            const [at, before] = [statSync(name).size, readRange(name, position, bytes.length)]
            const revert = () => {
              if (!existsSync(name)) return
              writeRange(name, position, before)
              truncateSync(name, at)
            }
            undo.push({ syncedBy: `content of ${path}`, revert })
          }
          return step(
            'write',
            () => {
              note()
              return open.write([bytes], position)
            },
            () => {
              note()
              return open.write([bytes.subarray(0, Math.ceil(bytes.length / 2))], position)
            },
          )
        },
        sync: () =>
          step('sync', async () => {
            synced(`content of ${path}`)
          }),
        close: () => open.close(),
      }
    },
    rename: (from, to) =>
      step('rename', async () => {
        const before = contentOf(to)
        await realDisk.rename(from, to)
        moves.get(from)?.(to)
        undo.push({
          syncedBy: dirname(to),
          revert: () => {
            renameSync(to, from)
            moves.get(from)?.(from)
            restore(to, before)()
          },
        })
      }),
    remove: (path) =>
      step('remove', async () => {
        const before = statSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path) : undefined
        await realDisk.remove(path)
        if (before !== undefined) undo.push({ syncedBy: dirname(path), revert: restore(path, before) })
      }),
    makeDirectory: (path) =>
      step('makeDirectory', async () => {
        if (existsSync(path)) return
        await realDisk.makeDirectory(path)
        undo.push({ syncedBy: dirname(path), revert: () => rmSync(path, { recursive: true }) })
      }),
    syncDirectory: (path) =>
      step('syncDirectory', async () => {
        synced(path)
      }),
  }
}

function readRange(path: string, position: number, length: number): Buffer {
  const fd = openSync(path, 'r')
  const bytes = Buffer.alloc(length)
  const read = readSync(fd, bytes, 0, length, position)
  closeSync(fd)
  return bytes.subarray(0, read)
}

function writeRange(path: string, position: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+')
  writeSync(fd, bytes, 0, bytes.length, position)
  closeSync(fd)
}

/** Where an open file's writes land after a rename. */
const moves = new Map<string, (to: string) => void>()

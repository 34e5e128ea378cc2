import { spawn } from 'node:child_process'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { statOf } from './paths.ts'
import { RUN_FILES } from './run-directory.ts'
import { systemCallFilter } from './seccomp.ts'

/** A bubblewrap that was seen to work, and the flags that isolate with it here. */
export interface Bubblewrap {
  readonly path: string
  readonly isolation: readonly string[]
  /** File with the system call filter, for --seccomp. */
  readonly filterFile: string
}

const ISOLATION = ['--unshare-all', '--unshare-user', '--die-with-parent', '--cap-drop', 'ALL', '--hostname', 'stint']
/** Best first: without further user namespaces where this bubblewrap can forbid them. */
const VARIANTS = [[...ISOLATION, '--disable-userns'], ISOLATION]

/** Finds a bubblewrap that really makes a sandbox here; else a sentence saying why not. `directory` takes the run's files. */
export async function findBubblewrap(searchPath: string, directory: string): Promise<Bubblewrap | string> {
  if (process.platform !== 'linux') return 'only Linux has one'
  const filter = systemCallFilter(process.arch)
  if (filter === undefined) return `there is no system call filter for ${process.arch}`
  const places = searchPath.split(':').filter(isAbsolute)
  const path = places.map((place) => join(place, 'bwrap')).find((file) => statOf(file) !== undefined)
  if (path === undefined) return 'bubblewrap (bwrap) is not installed'
  const filterFile = join(directory, RUN_FILES.filter)
  writeFileSync(filterFile, filter)
  let why = ''
  for (const isolation of VARIANTS) {
    why = await tryOut({ path, isolation, filterFile })
    if (why === '') return { path, isolation, filterFile }
  }
  return `bubblewrap does not work here: ${why}`
}

/** Makes the smallest sandbox; answers what bubblewrap said against it, or an empty text. */
async function tryOut({ path, isolation, filterFile }: Bubblewrap): Promise<string> {
  const fd = openSync(filterFile, 'r')
  const mounts = ['--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp']
  const args = [...isolation, '--seccomp', '3', ...mounts, '--', '/bin/sh', '-c', ':']
  const { promise, resolve } = Promise.withResolvers<string>()
  const child = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe', fd] })
  closeSync(fd)
  let said = ''
  child.stderr?.on('data', (chunk) => {
    said += String(chunk)
  })
  child.on('error', (error) => resolve(error.message))
  child.on('close', (code) => resolve(code === 0 ? '' : said.trim().split('\n')[0] || `it ended with ${code}`))
  return promise
}

import { spawn } from 'node:child_process'
import { isAbsolute, join } from 'node:path'
import { statOf } from './paths.ts'

/** A command as it is started, for one that runs in `directory`. */
export type Wrap = (command: readonly string[], directory: string) => readonly string[]

/**
 * The cell of a program that Stint starts to be a target: it has the operator's files and network, and neither Stint's data directory nor
 * any other process. It ends with Stint. Answers why there is none, where no bubblewrap works.
 */
export async function findServerCell(searchPath: string, home: string): Promise<Wrap | string> {
  if (process.platform !== 'linux') return 'only Linux has one'
  const places = searchPath.split(':').filter(isAbsolute)
  const path = places.map((place) => join(place, 'bwrap')).find((file) => statOf(file) !== undefined)
  if (path === undefined) return 'bubblewrap (bwrap) is not installed'
  const isolation = ['--unshare-user', '--unshare-pid', '--unshare-ipc', '--die-with-parent', '--cap-drop', 'ALL']
  const mounts = ['--dev-bind', '/', '/', '--proc', '/proc', '--tmpfs', home, '--remount-ro', home]
  const wrap: Wrap = (command, directory) => [path, ...isolation, ...mounts, '--chdir', directory, '--', ...command]
  const why = await tryOut(wrap(['/bin/sh', '-c', ':'], '/'))
  return why === '' ? wrap : `bubblewrap does not work here: ${why}`
}

/** What is said against it; empty when it works. */
function tryOut([path = '', ...args]: readonly string[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const child = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += String(chunk)
  })
  child.on('error', (error) => resolve(error.message))
  child.on('close', (code) => resolve(code === 0 ? '' : said.trim().split('\n')[0] || `it ended with ${code}`))
  return promise
}

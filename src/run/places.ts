import { basename, dirname } from 'node:path'
import { between, isWithin } from './paths.ts'

/** Directories that are empty inside, and how many levels below them are shared by programs or people as well: no one program's own. */
const EMPTIED: Readonly<Record<string, number>> = {
  '/tmp': 0,
  '/var/tmp': 0,
  '/run': 2,
  '/var/run': 2,
  '/home': 1,
  '/root': 0,
  '/mnt': 1,
  '/media': 2,
}

/** Other users' homes, sockets, other programs' temporary files. */
export const EMPTIED_DIRECTORIES: readonly string[] = Object.keys(EMPTIED)

/** True for a directory that is nobody's own: it holds, or is next to, what belongs to other programs and people. */
export function isShared(directory: string): boolean {
  return Object.entries(EMPTIED).some(
    ([top, levels]) => isWithin(top, directory) || (isWithin(directory, top) && between(top, directory).length < levels),
  )
}

/**
 * What belongs to a program: the directory it is in, or the one above where that is called `bin`, or only its file where the directory
 * is not its own. The largest first.
 */
export function belongings(file: string): string[] {
  const directory = dirname(file)
  return [...(/^\.?s?bin$/.test(basename(directory)) ? [dirname(directory)] : []), directory, file]
}

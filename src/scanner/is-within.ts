import { sep } from 'node:path'

/** True for a folder itself and what is below it; both paths are real. The root of all has its separator already. */
export function isWithin(folder: string, real: string): boolean {
  return real === folder || real.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`)
}

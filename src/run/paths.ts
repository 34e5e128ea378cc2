import { lstatSync, realpathSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'

/** True when `path` is `directory` or lies in it. Both absolute and normal. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || directory === '/' || path.startsWith(`${directory}/`)
}

/** The path without symlinks, or undefined when there is nothing there. */
export function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

/** What is at the path itself, a symlink not followed; undefined when nothing is or it cannot be seen. */
export function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path)
  } catch {
    return undefined
  }
}

/** The directories strictly between `top` and `path`, outermost first. */
export function between(top: string, path: string): string[] {
  const found: string[] = []
  for (let at = dirname(path); at !== top && isWithin(at, top) && at !== '/'; at = dirname(at)) found.unshift(at)
  return found
}

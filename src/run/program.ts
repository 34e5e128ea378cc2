import { accessSync, closeSync, constants, openSync, readlinkSync, readSync, statSync } from 'node:fs'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { isWithin, realPath, statOf } from './paths.ts'

/** A file that the start of a command needs. */
export interface ProgramFile {
  /** Absolute, and no symlink on the way there; it may be one itself. */
  readonly path: string
  /** True when the user named it, by its path or their PATH. False for what a file in the working directory names: the command may have written that. */
  readonly isNamed: boolean
}

const MAX_FILES = 20
const MAX_SHEBANG_BYTES = 256

/**
 * The file that a command's name means (execvp(3)), every file it links to, and its interpreters (execve(2)), as far as they are there.
 * `directory` is the working directory, free of symlinks. What the files hold is attacker-controlled.
 */
export function programFiles(name: string, directory: string, searchPath: string): ProgramFile[] {
  const files: ProgramFile[] = []
  follow(name.includes('/') ? resolve(directory, name) : search(name), true)
  return files

  function follow(path: string | undefined, isNamed: boolean): void {
    const place = path && placeOf(path)
    if (!place || statOf(place)?.isDirectory() || files.length >= MAX_FILES || files.some((file) => file.path === place)) return
    files.push({ path: place, isNamed })
    const trusted = isNamed && !isWithin(place, directory)
    follow(linkTarget(place), trusted)
    const [interpreter, ...words] = shebangOf(place)
    if (interpreter === undefined) return
    follow(resolve(directory, interpreter), trusted)
    const program = words.find((word) => !/^-|=/.test(word))
    if (basename(interpreter) === 'env' && program !== undefined) follow(search(program), true)
  }

  function search(program: string): string | undefined {
    const places = searchPath.split(delimiter).map((place) => resolve(directory, place, program))
    return places.find(isExecutable)
  }
}

function placeOf(path: string): string | undefined {
  const directory = realPath(dirname(path))
  const place = directory && join(directory, basename(path))
  return place && statOf(place) ? place : undefined
}

function linkTarget(path: string): string | undefined {
  return statOf(path)?.isSymbolicLink() ? resolve(dirname(path), readlinkSync(path)) : undefined
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** The words of a script's first line, after `#!`. */
function shebangOf(path: string): string[] {
  if (!statOf(path)?.isFile()) return []
  const head = Buffer.alloc(MAX_SHEBANG_BYTES)
  let length = 0
  try {
    const fd = openSync(path, 'r')
    length = readSync(fd, head)
    closeSync(fd)
  } catch {
    return [] // it may be run and not read
  }
  const [line = ''] = head.toString('latin1', 0, length).split('\n')
  return line.startsWith('#!') ? line.slice(2).trim().split(/\s+/).filter(Boolean) : []
}

import { accessSync, constants } from 'node:fs'
import { resolve } from 'node:path'
import { StintError } from '../errors.ts'
import { HIDDEN } from './hide.ts'
import { realPath } from './paths.ts'

/** A hidden thing as it exists here. */
export interface HiddenPath {
  readonly name: string
  /** As its user knows it: `~/.aws`. */
  readonly shown: string
  /** Absolute; where the name stands, which may be a symlink. */
  readonly path: string
  /** Absolute, free of symlinks: where the content is. */
  readonly real: string
  readonly writable: boolean
}

/** Throws `invalid_argument` unless every name is one that `--allow` takes. */
export function checkAllowed(allowed: readonly string[]): void {
  const names = HIDDEN.map(({ name }) => name)
  const unknown = allowed.find((name) => !names.includes(name))
  if (unknown !== undefined)
    throw new StintError('invalid_argument', `--allow takes one of ${names.join(', ')}; it was ${JSON.stringify(unknown)}`)
}

/** The paths given, free of symlinks. Throws `invalid_argument` for one that is not there. */
export function checkShown(paths: readonly string[]): string[] {
  return paths.map((path) => {
    const real = realPath(resolve(path))
    if (real === undefined) throw new StintError('invalid_argument', `--show ${path}: there is no such file or directory`)
    return real
  })
}

/** Everything of the HIDDEN table that exists for a user with these homes, and what the environment's variables point at. */
export function findHidden(homes: readonly string[], environment: NodeJS.ProcessEnv): HiddenPath[] {
  return HIDDEN.flatMap(({ name, paths, variables = [], writable = false }) => {
    const known = paths.flatMap((shown) => expand(shown, homes).map((path) => ({ shown, path })))
    const pointed = variables.flatMap((variable) => pathsIn(environment[variable])).map((path) => ({ shown: path, path }))
    const named = new Set(known.map(({ path }) => path))
    const all = [...known, ...pointed.filter(({ path }) => !named.has(path))]
    return all.flatMap(({ shown, path }) => existing({ name, shown, path, writable }))
  })
}

function expand(path: string, homes: readonly string[]): string[] {
  return path.startsWith('~/') ? homes.map((home) => `${home}${path.slice(1)}`) : [path]
}

/** `a:b`, `FILE:/path` and `unix:///path` all hold paths. */
function pathsIn(value: string | undefined): string[] {
  const texts = (value ?? '').split(/:(?!\/\/)/).map((text) => text.replace(/^[a-z]+:\/\//, ''))
  return texts.filter((text) => /^\/./.test(text) && !/^\/(dev|proc|sys)(\/|$)/.test(text))
}

/** What this user cannot open needs no hiding: the command can do no more. */
function existing(hidden: Omit<HiddenPath, 'real'>): HiddenPath[] {
  const real = realPath(hidden.path)
  return real !== undefined && (may(real, constants.R_OK) || may(real, constants.X_OK)) ? [{ ...hidden, real }] : []
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

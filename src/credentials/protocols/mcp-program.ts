import { StintError } from '../../errors.ts'
import type { Program, Target } from '../../model.ts'
import type { Setting } from '../minting.ts'
import { listOf, settingOf } from './setting.ts'

const TEXT = /^[^\0\r\n]{1,4096}$/

/** What says that a target is a program. */
export const PROGRAM_SETTINGS: Readonly<Record<string, Setting>> = {
  command: {
    summary:
      'A program that is the server, spoken to over stdio: Stint starts it for each task that uses it, with the rights of the operator. Its hosts are then only names.',
    required: false,
    isList: false,
    pattern: TEXT,
  },
  args: { summary: 'An argument of `command`.', required: false, isList: true, pattern: TEXT },
  env: {
    summary:
      'NAME=VALUE in the environment of `command`, which has little else. Never a secret: `--inject env:NAME` is for that.',
    required: false,
    isList: true,
    pattern: /^(?!STINT_)[A-Za-z_][A-Za-z0-9_]{0,99}=[^\0]{0,3000}$/,
  },
  cwd: {
    summary: 'Where `command` is started; / when it is not said.',
    required: false,
    isList: false,
    pattern: /^\/[^\0]{0,1000}$/,
  },
}

/** The program that a target is; undefined for one over HTTP. Throws `invalid_argument` for a setting of a program without one. */
export function programOf(target: Target): Program | undefined {
  const command = settingOf(target, 'command')
  if (command !== '') {
    const environment = Object.fromEntries(listOf(target, 'env').map(splitAtEquals))
    return { command, args: listOf(target, 'args'), environment, directory: settingOf(target, 'cwd') || '/' }
  }
  const stray = ['args', 'env', 'cwd'].find((name) => target.settings !== undefined && Object.hasOwn(target.settings, name))
  if (stray === undefined) return undefined
  throw new StintError('invalid_argument', `settings.${stray} is for a program, and settings.command names none`)
}

function splitAtEquals(pair: string): [name: string, value: string] {
  const at = pair.indexOf('=')
  return [pair.slice(0, at), pair.slice(at + 1)]
}

import { CommanderError } from 'commander'
import { asStintError, CATALOGUE, type ErrorCode } from '../errors.ts'
import { harmless, type Sink } from './output.ts'

/** What a finished command says to the shell. docs/reference/cli.md shows this table. */
export const EXIT_CODES = {
  0: 'It did what was asked.',
  1: 'It failed.',
  2: 'The command line is not valid.',
  3: 'Stint is not running on this data directory.',
  4: 'It was denied.',
} as const
export type ExitCode = keyof typeof EXIT_CODES

/** The exit code of an error code: what HTTP calls forbidden or unauthorised is denied. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  if (code === 'not_running') return 3
  if (code === 'invalid_argument') return 2
  const [status] = CATALOGUE[code]
  return status === 401 || status === 403 ? 4 : 1
}

/** Writes what went wrong and what to do next, and answers the exit code. One JSON line under `--json`. */
export function report(thrown: unknown, json: boolean, err: Sink): ExitCode {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2
  const { code, detail, operatorDetail } = asStintError(thrown)
  const next = CATALOGUE[code][2]
  const exit = exitCodeOf(code)
  const words = operatorDetail === undefined ? detail : `${detail} (${operatorDetail})`
  if (json) err.write(`${JSON.stringify({ code, detail: words, next, exit })}\n`)
  else err.write(`stint: ${oneLine(words)}\nnext: ${next}\n`)
  return exit
}

function oneLine(words: string): string {
  return harmless(words).replace(/\s*\n\s*/g, ' ')
}

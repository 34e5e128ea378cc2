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
  125: '`stint run` failed before the command was started.',
} as const
export type ExitCode = keyof typeof EXIT_CODES

/**
 * The failure of a command that ends as another one does, before that one was started: 125, as of env(1) and timeout(1), so that it is
 * not taken for the other one's. A command line that is not valid stays one.
 */
export class NotStarted extends Error {
  constructor(cause: unknown) {
    super('the command was not started', { cause })
  }
}

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
  const isNotStarted = thrown instanceof NotStarted
  const { code, detail, operatorDetail } = asStintError(isNotStarted ? thrown.cause : thrown)
  const next = CATALOGUE[code][2]
  const exit = isNotStarted && code !== 'invalid_argument' ? 125 : exitCodeOf(code)
  const words = operatorDetail === undefined ? detail : `${detail} (${operatorDetail})`
  if (json) err.write(`${JSON.stringify({ code, detail: words, next, exit })}\n`)
  else err.write(`stint: ${oneLine(words)}\nnext: ${next}\n`)
  return exit
}

function oneLine(words: string): string {
  return harmless(words).replace(/\s*\n\s*/g, ' ')
}

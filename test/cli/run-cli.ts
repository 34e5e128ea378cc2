import { main } from '../../src/cli/main.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs one command line in this process, against the data directory given. */
export async function runCli(home: string, ...argv: readonly string[]): Promise<Ran> {
  const out: string[] = []
  const err: string[] = []
  const streams = {
    out: { write: (text: string) => void out.push(text) },
    err: { write: (text: string) => void err.push(text) },
  }
  const before = process.exitCode
  process.exitCode = undefined
  const code = await main(argv, { PATH: process.env.PATH, HOME: home, STINT_HOME: home }, streams)
  process.exitCode = before
  return { code, out: out.join(''), err: err.join('') }
}

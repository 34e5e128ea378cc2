import { report } from './failure.ts'
import { createProgram, type Streams } from './program.ts'

/** Runs one command line and answers its exit code (failure.ts). Never throws. */
export async function main(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  streams: Streams = { out: process.stdout, err: process.stderr },
): Promise<number> {
  process.stdout.on('error', endQuietlyOnClosedPipe)
  const { program, context } = createProgram(env, streams)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (thrown) {
    return report(thrown, context.output.json, streams.err)
  }
}

/** `stint audit tail | head`: the reader has seen enough. */
function endQuietlyOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
}

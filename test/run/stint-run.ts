/** `stint run` alone, as the CLI would start it: STINT_HOME names the data directory of a fake installation. */
import { Command } from 'commander'
import type { CommandContext } from '../../src/cli/command.ts'
import { register } from '../../src/cli/commands/run.ts'
import { asStintError } from '../../src/errors.ts'
import { callAt } from './call.ts'

const home = process.env.STINT_HOME ?? ''

const context: CommandContext = {
  env: process.env,
  home,
  output: { json: false, print: () => {}, say: (line) => void process.stderr.write(`stint: ${line}\n`) },
  call: callAt(home),
  stream: () => {
    throw new Error('stint run streams nothing through the context')
  },
}
const program = new Command('stint')
register(program, context)
try {
  await program.parseAsync()
} catch (thrown) {
  const { code, detail, operatorDetail } = asStintError(thrown)
  process.stderr.write(`${code}: ${detail} ${operatorDetail ?? ''}\n`)
  process.exitCode = 1
}

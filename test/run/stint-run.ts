/** `stint run` alone, as the CLI would start it: STINT_HOME names the data directory of a fake installation. */
import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import { Command } from 'commander'
import type { CommandContext } from '../../src/cli/command.ts'
import { register } from '../../src/cli/commands/run.ts'
import { asStintError, type ErrorCode, StintError } from '../../src/errors.ts'

const home = process.env.STINT_HOME ?? ''

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const asked = request({ socketPath: `${home}/operator.sock`, method, path, headers: { 'content-type': 'application/json' } })
  asked.on('error', () => reject(new StintError('not_running', 'no server')))
  asked.on('response', async (answer) => {
    const said = (await json(answer)) as { code: ErrorCode; detail: string }
    if (answer.statusCode === 200 || answer.statusCode === 201) resolve(said as T)
    else reject(new StintError(said.code, said.detail))
  })
  asked.end(JSON.stringify(body ?? {}))
  return promise
}

const context: CommandContext = {
  env: process.env,
  home,
  output: { json: false, print: () => {}, say: (line) => void process.stderr.write(`stint: ${line}\n`) },
  call,
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

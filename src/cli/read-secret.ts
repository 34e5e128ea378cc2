import { open } from 'node:fs/promises'
import { StintError } from '../errors.ts'
import { Secret } from '../secret.ts'

const MAX_BYTES = 65_536

/** Where a secret comes from; neither: the prompt, or the pipe that standard input is. */
export interface SecretSource {
  readonly fromFile?: string
  readonly fromEnv?: string
}

/** Reads a secret, without the line break that may end it. Throws `invalid_argument`, which never repeats what was given. */
export async function readSecret(question: string, source: SecretSource, env: NodeJS.ProcessEnv): Promise<Secret> {
  const { fromFile, fromEnv } = source
  if (fromFile !== undefined && fromEnv !== undefined) throw invalid('give --from-file or --from-env, not both')
  const text = await textFrom(question, source, env)
  const value = text.replace(/\r?\n$/, '')
  if (value === '') throw invalid('the value is empty')
  if (Buffer.byteLength(value) > MAX_BYTES) throw invalid(`the value is larger than ${MAX_BYTES} bytes`)
  return new Secret(value)
}

async function textFrom(question: string, { fromFile, fromEnv }: SecretSource, env: NodeJS.ProcessEnv): Promise<string> {
  if (fromFile !== undefined) return await readFile(fromFile)
  if (fromEnv !== undefined) return env[fromEnv] ?? refuse('the variable that --from-env names is not set')
  return process.stdin.isTTY ? await ask(question) : await readBounded(process.stdin)
}

/** The prompt is loaded when it is needed: every other command starts faster without. */
async function ask(message: string): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts')
  const answer = await password({ message, output: process.stderr })
  return isCancel(answer) ? refuse('nothing was given') : answer
}

async function readFile(path: string): Promise<string> {
  try {
    await using file = await open(path)
    return await readBounded(file.createReadStream({ autoClose: false }))
  } catch (cause) {
    if (cause instanceof StintError) throw cause
    throw invalid('the file that --from-file names cannot be read')
  }
}

async function readBounded(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    size += chunk.length
    if (size > MAX_BYTES + 2) throw invalid(`the value is larger than ${MAX_BYTES} bytes`)
  }
  return decode(Buffer.concat(chunks))
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw invalid('the value is not UTF-8 text')
  }
}

function refuse(detail: string): never {
  throw invalid(detail)
}

function invalid(detail: string): StintError {
  return new StintError('invalid_argument', detail)
}

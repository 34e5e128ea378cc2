import { type ChildProcess, spawn } from 'node:child_process'
import { StintError } from '../errors.ts'

/** Longest output of either kind that is taken, in bytes. */
const MAX_BYTES = 4096

export interface CommandOptions {
  /** Names the command in messages. */
  readonly what: string
  readonly timeoutSeconds: number
  /** Hears what it wrote to standard error, for the operator alone. */
  onStderr(text: string): void
}

/**
 * Runs a command of the operator in `/bin/sh` and answers its standard output, which is secret: it stands in no message. Ends the command
 * and all it started after `timeoutSeconds` or 4 KiB. Throws `key_unavailable` when it fails or says nothing.
 */
export async function runCommand(command: string, options: CommandOptions): Promise<string> {
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const signal = AbortSignal.timeout(options.timeoutSeconds * 1000)
  const errors: Buffer[] = []
  try {
    const [output] = await Promise.race([
      Promise.all([collect(child.stdout), collect(child.stderr, errors), succeeded(child)]),
      aborted(signal, `took longer than ${options.timeoutSeconds} s`),
    ])
    if (output === '') throw new Error('printed nothing')
    return output
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : 'failed'
    const operatorDetail = textOf(errors).trim() || undefined
    throw new StintError('key_unavailable', `${options.what} ${why}`, operatorDetail === undefined ? {} : { operatorDetail })
  } finally {
    end(child)
    if (errors.length > 0) options.onStderr(textOf(errors))
  }
}

async function collect(stream: AsyncIterable<Buffer>, chunks: Buffer[] = []): Promise<string> {
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error(`wrote more than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return textOf(chunks)
}

function succeeded(child: ChildProcess): Promise<void> {
  return new Promise((done, failed) => {
    child.once('error', () => failed(new Error('could not be started')))
    child.once('exit', (code, by) => {
      if (code === 0) done()
      else failed(new Error(code === null ? `was ended by ${by}` : `ended with ${code}`))
    })
  })
}

function aborted(signal: AbortSignal, why: string): Promise<never> {
  return new Promise((_done, failed) => {
    signal.addEventListener('abort', () => failed(new Error(why)))
  })
}

/** Nothing of it outlives the call: its process group is killed, its pipes are closed. */
function end(child: ChildProcess): void {
  child.stdout?.destroy()
  child.stderr?.destroy()
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ESRCH')) throw thrown
  }
}

function textOf(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8')
}

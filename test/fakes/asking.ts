import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { finish } from './stint.ts'

/** One request that a program inside a task makes. */
export interface Request {
  readonly url: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Sends it without saying its length before. */
  readonly isChunked?: boolean
}

/** What came back. */
export interface Answer {
  readonly status: number
  readonly text: string
}

/** A program that makes requests one after another, as it is told, all under one task. */
export interface Agent {
  ask(request: Request): Promise<Answer>
  end(): Promise<void>
}

const PROGRAM = `
  const { createInterface } = await import('node:readline')
  for await (const line of createInterface({ input: process.stdin })) {
    const { url, isChunked, ...init } = JSON.parse(line)
    if (isChunked) Object.assign(init, { body: new Blob([init.body]).stream(), duplex: 'half' })
    const answer = await fetch(url, init).catch((failed) => ({ status: 0, text: async () => String(failed.cause ?? failed) }))
    console.log(JSON.stringify({ status: answer.status, text: await answer.text() }))
  }`

/** The command of such a program: Node itself. */
export const AGENT = [process.execPath, '--input-type=module', '-e', PROGRAM]

/** Speaks with a running one, whose stdin and stdout are pipes. */
export function speakWith(child: ChildProcess): Agent {
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error('the agent has no pipes')
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  let errors = ''
  child.stderr?.on('data', (chunk) => (errors += chunk))
  return {
    async ask(request) {
      stdin.write(`${JSON.stringify(request)}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error(`the agent ended: ${errors}`)
      return JSON.parse(value)
    },
    async end() {
      await finish(child)
    },
  }
}

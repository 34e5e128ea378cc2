import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StintError } from '../errors.ts'
import type { Skipped, Work } from '../scanner/job.ts'
import { collect } from '../scanner/remote/collect.ts'
import { type Forge, isName } from '../scanner/remote/forge.ts'
import { github } from '../scanner/remote/github.ts'
import { gitlab } from '../scanner/remote/gitlab.ts'
import { createPageReader, RemoteError } from '../scanner/remote/read-pages.ts'
import type { CommandContext } from './command.ts'
import { fetchAnswer } from './fetch-answer.ts'
import type { Works } from './list-works.ts'

const FORGES: Readonly<Record<string, Forge>> = { github, gitlab }

/** What is looked at on a server, while it is. */
export interface Remote extends Works, AsyncDisposable {
  /** What there is, fetched when it is asked for; before that nothing is at hand. */
  readonly each: AsyncIterable<Work>
}

/**
 * Opens a place on a server for a scan, `github:acme/app`. It is asked through the gateway of the task that this command runs under, so that the command
 * holds no credential. Throws `invalid_argument` where there is no task, and for a name that is none.
 */
export async function openRemote(text: string, { server }: { server?: string }, context: CommandContext): Promise<Remote> {
  const colon = text.indexOf(':')
  const [kind, path] = [text.slice(0, colon), text.slice(colon + 1)]
  const forge = FORGES[kind]
  if (forge === undefined) throw new StintError('invalid_argument', `${kind} is no kind of server that is known`)
  if (!isName(path) || (forge === github && path.split('/').length > 2))
    throw new StintError('invalid_argument', `${text} names nothing; it is github:ORG[/REPO] or gitlab:GROUP[/PROJECT]`)
  if (context.env.STINT_TASK === undefined)
    throw new StintError(
      'invalid_argument',
      `a server is looked at under a task, which holds the credential for it; type: stint run --task "scan ${path}" --target ${kind} -- stint scan ${text}${server === undefined ? '' : ` --server ${server}`}`,
    )
  const skipped: Skipped[] = []
  const say = (line: string): void => context.output.say(line)
  const origin = originOf(server ?? forge.server)
  const { directory, remove } = makeDirectory()
  const collecting = {
    ...{ directory, say, server: origin, read: createPageReader(fetchAnswer, { say }) },
    skipped: (one: Skipped) => void skipped.push(one),
  }
  return {
    works: [],
    each: inWords(collect(forge, { path }, collecting), text),
    skipped,
    [Symbol.asyncDispose]: async () => remove(),
  }
}

async function* inWords(works: AsyncIterable<Work>, text: string): AsyncGenerator<Work> {
  try {
    yield* works
  } catch (thrown) {
    if (!(thrown instanceof RemoteError)) throw thrown
    throw new StintError('upstream_failed', `${text} cannot be listed: ${thrown.message}`, { cause: thrown })
  }
}

function originOf(server: string): string {
  const url = URL.parse(server)
  if (url?.protocol === 'https:' && url.pathname === '/' && url.username === '' && url.search === '') return url.origin
  throw new StintError('invalid_argument', `--server ${server} is not an address like https://github.acme.com`)
}

/** What ends this process from outside. */
const ENDS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/** A directory that is gone when it is removed, also when a signal ends this process. */
function makeDirectory(): { readonly directory: string; readonly remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'stint-scan-'))
  const clear = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 2 })
  const end = (signal: NodeJS.Signals): void => {
    remove()
    process.kill(process.pid, signal)
  }
  const remove = (): void => {
    clear()
    for (const signal of ENDS) process.off(signal, end)
  }
  for (const signal of ENDS) process.on(signal, end)
  return { directory, remove }
}

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readGit } from '../git-command.ts'
import type { Provenance } from '../report-format.ts'

/** Where a repository came from, or else where it lies, and the commit at its HEAD. Rejects with GitError. */
export async function provenanceOf(repository: string): Promise<Provenance> {
  const origin = await firstLine(repository, ['config', '--default', '', '--get', 'remote.origin.url'])
  const revision = await firstLine(repository, ['rev-parse', '--revs-only', 'HEAD'])
  return { uri: uriOf(origin) ?? pathToFileURL(resolve(repository)).href, ...(revision !== '' && { revision }) }
}

async function firstLine(repository: string, args: readonly string[]): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of readGit(repository, args)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8').split('\n', 1).join()
}

/** The address without user and password; of `git@host:path` as ssh has it. Attacker-controlled: undefined for what is none. */
function uriOf(origin: string): string | undefined {
  const scp = /^(?:[\w.-]+@)?([\w.-]{2,}):(?!\/\/)(.+)$/.exec(origin)
  const text = scp === null ? origin : `ssh://${scp[1]}/${scp[2]}`
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:', 'ssh:', 'git:'].includes(url.protocol)) return undefined
  url.username = ''
  url.password = ''
  url.search = ''
  url.hash = ''
  return url.href
}

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cloneMirror, GitError } from '../git-command.ts'
import type { FileWork, GitWork, Skipped } from '../job.ts'
import { listFiles } from '../sources/files.ts'
import { listObjects } from '../sources/git.ts'
import type { Forge, RemotePlace, Writings } from './forge.ts'
import { type ReadPages, RemoteError, readJson } from './read-pages.ts'

export interface Collecting {
  readonly server: string
  readonly read: ReadPages
  /** Where what was fetched is kept as long as it is looked into. */
  readonly directory: string
  skipped(skipped: Skipped): void
  /** Says what is looked at. */
  say(line: string): void
}

/**
 * What is to be looked into at a server: of one repository after the other what was written there and a mirror, each gone again when the next
 * one is asked for. What cannot be had is skipped. Rejects with RemoteError when nothing can be listed.
 */
export async function* collect(forge: Forge, place: RemotePlace, collecting: Collecting): AsyncGenerator<FileWork | GitWork> {
  const { server, read, say } = collecting
  const api = forge.api(server)
  for await (const repository of repositories(forge, place, collecting)) {
    say(`Looking at ${repository}.`)
    yield* within(collecting, (directory) => writings(forge.writingsIn(api, repository), repository, directory, collecting))
    yield* within(collecting, (directory) => mirror(repository, directory, collecting))
  }
  yield* within(collecting, (directory) => writings(forge.writingsOf(api, place, read), place.path, directory, collecting))
}

/** As many as can be listed. Rejects with RemoteError when that is none. */
async function* repositories(forge: Forge, place: RemotePlace, { server, read, skipped }: Collecting): AsyncGenerator<string> {
  let listed = 0
  try {
    for await (const repository of forge.list(forge.api(server), place, read)) {
      listed += 1
      yield repository
    }
  } catch (thrown) {
    if (listed === 0) throw thrown
    skipped({ what: `${place.path}, all but ${listed} repositories`, why: whyOf(thrown) })
  }
}

/** What `use` yields, with a directory that is there until it ends. */
async function* within<T>(at: Collecting, use: (directory: string) => AsyncGenerator<T>): AsyncGenerator<T> {
  const directory = await mkdtemp(join(at.directory, 'of-'))
  try {
    yield* use(directory)
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 2 })
  }
}

async function* writings(
  all: Iterable<Writings> | AsyncIterable<Writings>,
  of: string,
  directory: string,
  { read, skipped }: Collecting,
): AsyncGenerator<FileWork> {
  const keep = async ({ name, url, more }: Writings): Promise<void> => {
    let number = 0
    try {
      for await (const page of read(url)) {
        number += 1
        const file = join(directory, of, name, `${number}.json`)
        await mkdir(dirname(file), { recursive: true, mode: 0o700 })
        await writeFile(file, page, { mode: 0o600 })
        for (const one of more?.(readJson(page)) ?? []) await keep(one)
      }
    } catch (thrown) {
      skipped({ what: `${of}/${name}`, why: whyOf(thrown) })
    }
  }
  try {
    for await (const one of all) await keep(one)
  } catch (thrown) {
    skipped({ what: of, why: whyOf(thrown) })
  }
  yield (await listFiles(directory)).work
}

async function* mirror(repository: string, directory: string, { server, skipped }: Collecting): AsyncGenerator<GitWork> {
  try {
    await cloneMirror(`${server}/${repository}.git`, directory)
    yield { ...(await listObjects(directory)), name: repository }
  } catch (thrown) {
    skipped({ what: repository, why: whyOf(thrown) })
  }
}

function whyOf(thrown: unknown): string {
  if (thrown instanceof RemoteError || thrown instanceof GitError) return thrown.message
  throw thrown
}

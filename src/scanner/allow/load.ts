import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { StintError } from '../../errors.ts'
import type { Allow } from './allow.ts'
import { readGitleaksIgnore } from './gitleaks-ignore.ts'

/** The files of a project that say what is known and meant, and who reads them. */
const READERS: Readonly<Record<string, (text: string, name: string) => Allow[] | Promise<Allow[]>>> = {
  // What reads YAML is loaded where there is some.
  '.stint-scan.yaml': async (text, name) => (await import('./project.ts')).readProjectSettings(text, name),
  '.gitleaksignore': readGitleaksIgnore,
}

const MOST_BYTES = 1 << 20

/** What the files of the directory allow; those that are not there allow nothing. Throws `invalid_argument`. */
export async function loadAllowLists(directory: string): Promise<Allow[]> {
  const all = await Promise.all(
    Object.entries(READERS).map(async ([name, read]) => {
      const text = await readProjectFile(join(directory, name))
      return text === undefined ? [] : read(text, name)
    }),
  )
  return all.flat()
}

/** The text of a plain file that is not large, or undefined where there is none. A link is not followed: it could lead out. */
export async function readProjectFile(file: string): Promise<string | undefined> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stats = await handle.stat()
    if (!stats.isFile() || stats.size > MOST_BYTES)
      throw new StintError('invalid_argument', `${file} is not a plain file of at most ${MOST_BYTES} bytes`)
    return await handle.readFile('utf8')
  } catch (thrown) {
    if (thrown instanceof StintError) throw thrown
    const { code } = thrown as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new StintError('invalid_argument', `${file} cannot be read (${code}); --no-allow-lists does without it`, {
      cause: thrown,
    })
  }
}

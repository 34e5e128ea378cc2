import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { StintError } from '../../errors.ts'
import { readGitleaksIgnore } from './gitleaks-ignore.ts'
import { joinSettings, type Settings } from './settings.ts'

/** The files of a project that say what is known and meant and what to look for besides, and who reads them. */
const READERS: Readonly<Record<string, (text: string, name: string) => Settings | Promise<Settings>>> = {
  '.stint-scan.yaml': readYaml,
  '.gitleaksignore': readGitleaksIgnore,
}

const MOST_BYTES = 1 << 20

/** What the files of the directory say; those that are not there say nothing. Throws `invalid_argument`. */
export async function loadProjectSettings(directory: string): Promise<Settings> {
  const all = await Promise.all(
    Object.entries(READERS).map(async ([name, read]) => {
      const text = await readProjectFile(join(directory, name))
      return text === undefined ? { allows: [], rules: [] } : read(text, name)
    }),
  )
  return joinSettings(all)
}

/** What a file says that a user names. Throws `invalid_argument`. */
export async function loadRules(file: string): Promise<Settings> {
  const text = await readProjectFile(file)
  if (text === undefined) throw new StintError('invalid_argument', `${file} is not there`)
  return readYaml(text, basename(file))
}

/** What reads YAML is loaded where there is some. */
async function readYaml(text: string, name: string): Promise<Settings> {
  return (await import('./project.ts')).readStintSettings(text, name)
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

import { constants } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { StintError } from '../../errors.ts'
import { isWithin } from '../is-within.ts'
import type { Skip } from '../own/gitleaks.ts'
import { readGitleaksIgnore } from './gitleaks-ignore.ts'
import { joinSettings, type Settings } from './settings.ts'

/** Reads a text that is called `name`, of a file in `directory`; `skip` hears what is left out. */
type Reader = (
  text: string,
  file: { readonly name: string; readonly directory: string; readonly skip: Skip },
) => Settings | Promise<Settings>

/** The files of a project that say what is known and meant and what to look for besides, and who reads them. */
const READERS: Readonly<Record<string, Reader>> = {
  '.stint-scan.yaml': readYaml,
  '.gitleaks.toml': readToml,
  'gitleaks.toml': readToml,
  '.gitleaksignore': (text, { name }) => readGitleaksIgnore(text, name),
}

const MOST_BYTES = 1 << 20

/** What the files of the directory say; those that are not there say nothing. Throws `invalid_argument`. */
export async function loadProjectSettings(directory: string, skip: Skip): Promise<Settings> {
  const all = await Promise.all(
    Object.entries(READERS).map(async ([name, read]) => {
      const text = await readProjectFile(join(directory, name))
      return text === undefined ? [] : [await read(text, { name, directory, skip })]
    }),
  )
  return joinSettings(all.flat())
}

/** What a file says that a user names: of gitleaks where its name ends in `.toml`. Throws `invalid_argument`. */
export async function loadRules(file: string, skip: Skip): Promise<Settings> {
  const text = await readProjectFile(file)
  if (text === undefined) throw new StintError('invalid_argument', `${file} is not there`)
  const read = file.endsWith('.toml') ? readToml : readYaml
  return read(text, { name: basename(file), directory: dirname(file), skip })
}

type File = Parameters<Reader>[1]

/** What reads YAML is loaded where there is some. */
async function readYaml(text: string, { name }: File): Promise<Settings> {
  return (await import('./project.ts')).readStintSettings(text, name)
}

/** And what reads TOML. */
async function readToml(text: string, { name, directory, skip }: File): Promise<Settings> {
  const { readGitleaks } = await import('../own/gitleaks.ts')
  return readGitleaks(text, name, skip, (path) => readBelow(directory, path))
}

/** The text of a file below the directory, also where links lead; undefined where there is none. Throws `invalid_argument`. */
async function readBelow(directory: string, path: string): Promise<string | undefined> {
  const root = await realpath(directory)
  const folder = await realpath(dirname(join(root, path))).catch(() => undefined)
  if (folder === undefined || !isWithin(root, folder)) return undefined
  return readProjectFile(join(folder, basename(path)))
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

import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StintError } from '../errors.ts'
import { prepareHome } from '../home.ts'
import { readOrCreatePrivate } from '../private-file.ts'
import type { CommandContext } from './command.ts'

const KEY_BYTES = 32

/**
 * The key of this installation's fingerprints, made the first time; or the one in a file. Under a task, which does not see the data directory,
 * one that holds for this scan only, and it is said. Throws `invalid_argument` for a file that holds none.
 */
export async function openScannerKey({ env, home, output }: CommandContext, file?: string): Promise<Buffer> {
  if (file !== undefined) return readKey(file)
  const own = join(home, 'scanner.key')
  if (env.STINT_TASK === undefined) {
    prepareHome(home)
    return keyIn(await readOrCreatePrivate(own, () => `${randomBytes(KEY_BYTES).toString('base64')}\n`), own)
  }
  const text = await readFile(own, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT' || thrown.code === 'EACCES') return undefined
    throw thrown
  })
  if (text !== undefined) return keyIn(text, own)
  output.say(
    'The fingerprints are of this scan only: a task does not see the data directory. --fingerprint-key takes a copy of its scanner.key.',
  )
  return randomBytes(KEY_BYTES)
}

async function readKey(file: string): Promise<Buffer> {
  const text = await readFile(file, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    throw new StintError('invalid_argument', `--fingerprint-key: ${file} cannot be read (${thrown.code})`)
  })
  return keyIn(text, file)
}

/** With less of a key fingerprints could be guessed. Throws `invalid_argument`. */
function keyIn(text: string, file: string): Buffer {
  const key = Buffer.from(text, 'base64')
  if (key.length === KEY_BYTES) return key
  throw new StintError('invalid_argument', `${file} is not a scanner.key of a data directory`)
}

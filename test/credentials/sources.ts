import { commandKeys } from '../../src/credentials/keys/command.ts'
import { fileKeys } from '../../src/credentials/keys/file.ts'
import type { KeySources } from '../../src/credentials/keys.ts'

/** The vault's key in a file, as the server has it unless told otherwise. */
export function fileSource(path: string): KeySources {
  return { current: 'file', sources: { file: fileKeys(path) } }
}

/** The vault's key from what `print` answers, beside a key file. */
export function commandSource(path: string, print: () => Promise<string>): KeySources {
  return { current: 'command', sources: { file: fileKeys(path), command: commandKeys(print) } }
}

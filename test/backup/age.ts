import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { NotInstalled, type Service, serviceOrSkip } from '../services/service.ts'

const run = promisify(execFile)

/** The age program of the machine, another implementation of the format. */
export interface Age {
  /** Makes an identity file; answers its recipient. */
  keygen(path: string): Promise<string>
  decrypt(file: string, identity: string, to: string): Promise<void>
  encrypt(file: string, recipient: string, to: string): Promise<void>
}

/** Debian's `age`, or why the tests are skipped. */
export function ageOrSkip(): Promise<Service<Age>> {
  return serviceOrSkip(async () => {
    if (!(await isInstalled('age')) || !(await isInstalled('age-keygen'))) throw new NotInstalled('age is not installed')
    return {
      async keygen(path) {
        const { stderr } = await run('age-keygen', ['-o', path])
        return /age1\w+/.exec(stderr)?.[0] ?? ''
      },
      decrypt: async (file, identity, to) => void (await run('age', ['--decrypt', '-i', identity, '-o', to, file])),
      encrypt: async (file, recipient, to) => void (await run('age', ['-r', recipient, '-o', to, file])),
    }
  })
}

async function isInstalled(program: string): Promise<boolean> {
  const places = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, program))
  const found = await Promise.all(
    places.map((path) =>
      access(path, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  )
  return found.includes(true)
}

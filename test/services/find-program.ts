import { accessSync } from 'node:fs'
import { join } from 'node:path'
import { NotInstalled } from './service.ts'

/** Where a program is: in the PATH, or where Debian keeps those of servers. Throws NotInstalled, with `hint`. */
export function findProgram(name: string, hint: string): string {
  for (const directory of [...(process.env.PATH ?? '').split(':'), '/usr/sbin'])
    try {
      accessSync(join(directory, name))
      return join(directory, name)
    } catch {}
  throw new NotInstalled(hint)
}

import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, resolve } from 'node:path'
import { after } from 'node:test'

/** A directory of the test file's own, free of symlinks, gone after it. */
export interface Scratch {
  readonly top: string
  at(path: string): string
  /** Writes a file, with the directories on the way, and answers where it is. */
  put(path: string, content: string, mode?: number): string
}

/** Makes one; call it at the top of a test file. */
export function scratch(): Scratch {
  const top = realpathSync(mkdtempSync(resolve(tmpdir(), 'stint-scratch-')))
  after(() => rmSync(top, { recursive: true }))
  const at = (path: string) => resolve(top, path)
  const put: Scratch['put'] = (path, content, mode = 0o755) => {
    mkdirSync(dirname(at(path)), { recursive: true })
    writeFileSync(at(path), content)
    chmodSync(at(path), mode)
    return at(path)
  }
  return { top, at, put }
}

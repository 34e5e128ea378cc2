import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { getCACertificates } from 'node:tls'
import { promisify } from 'node:util'
import { StintError } from '../errors.ts'
import { TRUST_STORE_PASSWORD } from './environment.ts'
import { javaKeyStore } from './jks.ts'

/** The files a run needs; all of them public. Names are relative to `path`. */
export const RUN_FILES = {
  caBundle: 'ca.pem',
  trustStore: 'truststore.jks',
  gitConfig: 'gitconfig',
  empty: 'empty',
  filter: 'filter.bpf',
  pgService: 'pg_service.conf',
  mysqlOptions: 'my.cnf',
} as const

export interface RunDirectory {
  readonly path: string
  remove(): void
}

/** Makes the directory, with the empty file that masks others. */
export function openRunDirectory(): RunDirectory {
  const path = mkdtempSync(join(tmpdir(), 'stint-run-'))
  writeFileSync(join(path, RUN_FILES.empty), '', { mode: 0o644 })
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Writes the CA bundle, the Java truststore and git's settings. Throws `not_running` without Stint's CA. */
export async function fillRunDirectory(path: string, caFile: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const identity = gitIdentity(environment)
  const stores = (['bundled', 'system', 'extra'] as const).flatMap((store) => getCACertificates(store))
  const roots = [...new Set([readCa(caFile), ...stores].map((pem) => pem.trim()))]
  const put = (name: string, content: string | Buffer) => writeFileSync(join(path, name), content, { mode: 0o644 })
  put(RUN_FILES.caBundle, `${roots.join('\n')}\n`)
  put(RUN_FILES.trustStore, javaKeyStore(roots, TRUST_STORE_PASSWORD))
  put(RUN_FILES.gitConfig, await identity)
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new StintError('not_running', `Stint has not been started on ${dirname(file)} yet`, { cause })
  }
}

/** The user's name and address as a git config file; the rest of theirs may hold credentials and is left behind. */
async function gitIdentity(env: NodeJS.ProcessEnv): Promise<string> {
  const read = async (key: string) => {
    try {
      const { stdout } = await promisify(execFile)('git', ['config', '--global', '--get', key], { env, timeout: 5000 })
      const value = stdout.trim()
      return /\p{C}/u.test(value) ? '' : `\t${key.slice('user.'.length)} = ${JSON.stringify(value)}\n`
    } catch {
      return ''
    }
  }
  const [name, email] = await Promise.all([read('user.name'), read('user.email')])
  return name + email === '' ? '' : `[user]\n${name}${email}`
}

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from './find-program.ts'
import { freePort } from './free-port.ts'
import { NotInstalled, type Service, serviceOrSkip } from './service.ts'
import { supervise } from './supervise.ts'
import { untilOpen } from './until-open.ts'

/** Login names of the server: two for tasks, and the one that revokes. They are all who started it. */
export const USERS = { deploy: 'deploy', other: 'other', revoker: 'stint-krl' } as const

/** A throwaway sshd on loopback, set up as docs/reference/ssh.md says. */
export interface OpenSsh {
  readonly host: string
  readonly port: number
  /** The CA that it trusts: a private key in the format of OpenSSH. */
  readonly ca: string
  /** Its host keys, each as in a .pub file: Ed25519, ECDSA P-256, RSA. */
  readonly hostKeys: readonly [string, string, string]
  /** What `revoker` runs to revoke. */
  readonly revokeCommand: string
  /** Where its files are: `krl`, `ids`, `ca.pub`. */
  readonly directory: string
  /** The end of its log. */
  readonly said: string
  stop(): Promise<void>
}

const HINT = 'OpenSSH is not installed (Debian: apt-get install openssh-server)'
const GUIDE = join(import.meta.dirname, '..', '..', 'docs', 'reference', 'ssh.md')

/** Starts one for a test file, with `lines` before the others in its configuration; it stops with the file's process. */
export function startOpenSsh(lines: readonly string[] = [], caType = 'ed25519'): Promise<Service<OpenSsh>> {
  return serviceOrSkip(() => start(lines, caType))
}

/**
 * The login names exist in its own mount namespace only, where they all have the same number, so that it needs no rights. It cannot pick a
 * port itself, so one that was taken meanwhile means another try.
 */
async function start(lines: readonly string[], caType: string, triesLeft = 3): Promise<OpenSsh> {
  const [sshd, keygen] = [findProgram('sshd', HINT), findProgram('ssh-keygen', HINT)]
  const bwrap = findSandbox()
  const directory = mkdtempSync(join(tmpdir(), 'openssh-'))
  const at = (name: string): string => join(directory, name)
  const make = (type: string, name: string) =>
    execFileSync(keygen, ['-q', '-t', type, ...(type === 'rsa' ? ['-b', '2048'] : []), '-N', '', '-C', name, '-f', at(name)])
  for (const type of ['ed25519', 'ecdsa', 'rsa']) make(type, `host_${type}`)
  make(caType, 'ca')
  execFileSync(keygen, ['-q', '-k', '-f', at('krl'), '-s', at('ca.pub'), '/dev/null'])
  writeFileSync(at('ids'), '')
  const script = readGuide().replaceAll('/etc/ssh/stint-ca.pub', at('ca.pub')).replaceAll('/var/lib/stint-krl', directory)
  writeFileSync(at('revoke'), script, { mode: 0o755 })
  const names = Object.values(USERS).map((name) => `${name}:x:1000:1000::${directory}:/bin/sh\n`)
  writeFileSync(at('passwd'), readFileSync('/etc/passwd', 'utf8').replace(/^[^:]+:[^:]*:1000:.*\n/gm, '') + names.join(''))
  const port = await freePort()
  writeFileSync(at('config'), [...lines, ...configOf(directory, port)].map((line) => `${line}\n`).join(''))
  const sandbox = ['--unshare-user', '--uid', '1000', '--gid', '1000', '--unshare-pid', '--die-with-parent'] // sessions end with it
  const view = ['--dev-bind', '/', '/', '--ro-bind', at('passwd'), '/etc/passwd', '--']
  const server = supervise([bwrap, ...sandbox, ...view, sshd, '-D', '-e', '-f', at('config')], { directory, signal: 'TERM' })
  try {
    await untilOpen(port, server)
  } catch (thrown) {
    if (!/Address already in use/.test(String(thrown)) || triesLeft === 1) throw thrown
    return start(lines, caType, triesLeft - 1)
  }
  const publicKey = (type: string): string => readFileSync(at(`host_${type}.pub`), 'utf8').trim()
  return {
    ...{ host: '127.0.0.1', port, directory, revokeCommand: at('revoke'), ca: readFileSync(at('ca'), 'utf8') },
    hostKeys: [publicKey('ed25519'), publicKey('ecdsa'), publicKey('rsa')],
    get said() {
      return server.said
    },
    stop: server.stop,
  }
}

function configOf(directory: string, port: number): readonly string[] {
  const hostKeys = ['ed25519', 'ecdsa', 'rsa'].map((type) => `HostKey ${directory}/host_${type}`)
  return [
    ...[`ListenAddress 127.0.0.1:${port}`, ...hostKeys, 'PidFile none', 'LogLevel VERBOSE', 'UsePAM no', 'MaxStartups 100'],
    ...['AuthenticationMethods publickey', 'AuthorizedKeysFile none'],
    ...[`RevokedKeys ${directory}/krl`, `Match User ${Object.values(USERS).join(',')}`, `TrustedUserCAKeys ${directory}/ca.pub`],
  ]
}

/** The script that the guide gives for revoking. */
function readGuide(): string {
  const script = /```sh\n(#!\/bin\/sh\n[^`]*)```/.exec(readFileSync(GUIDE, 'utf8'))?.[1]
  if (script === undefined) throw new Error('docs/reference/ssh.md has no script')
  return script
}

function findSandbox(): string {
  const bwrap = findProgram('bwrap', 'bubblewrap is not installed (Debian: apt-get install bubblewrap)')
  try {
    execFileSync(bwrap, ['--unshare-user', '--uid', '1000', '--dev-bind', '/', '/', 'true'], { stdio: 'pipe' })
    return bwrap
  } catch (thrown) {
    throw new NotInstalled(`bubblewrap does not work here: ${String(thrown).slice(0, 200)}`)
  }
}

import { execFile } from 'node:child_process'
import { createPrivateKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Injection } from '../../src/credentials/connector.ts'
import { string, uint32 } from '../../src/credentials/protocols/ssh-wire.ts'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { type OpenSsh, startOpenSsh, USERS } from '../services/openssh.ts'
import { ioFor } from './own-io.ts'
import type { StartProvider } from './provider.ts'

const run = promisify(execFile)

export function sshTarget({ host, port, hostKeys, revokeCommand }: OpenSsh): Target {
  return {
    id: 'web',
    connector: 'ssh',
    hosts: [{ scheme: 'ssh', host, port }],
    environment: 'development',
    sensitivity: 'internal',
    labels: [],
    privateNetworks: ['127.0.0.0/8'],
    credentialId: 'ssh-ca',
    placement: { kind: 'none' },
    settings: {
      ...{ principals: [USERS.deploy, USERS.other], host_keys: [hostKeys[0]] },
      ...{ revoke_as: USERS.revoker, revoke_command: revokeCommand },
    },
  }
}

/** One command by the real ssh with what was minted, which only a test may hand out. Rejects with what ssh says when it is refused. */
export async function sshClient(
  { host, port, hostKeys }: OpenSsh,
  user: string,
  injections: readonly Injection[],
  ...command: string[]
): Promise<string> {
  const [given] = injections
  if (given?.kind !== 'ssh') throw new Error('ssh takes a certificate')
  const directory = mkdtempSync(join(tmpdir(), 'ssh-'))
  const at = (name: string): string => join(directory, name)
  try {
    writeFileSync(at('key'), armour(given.value), { mode: 0o600 })
    writeFileSync(at('certificate'), `${given.certificate}\n`)
    writeFileSync(at('known'), hostKeys.map((key) => `[${host}]:${port} ${key}\n`).join(''))
    const options = [
      `CertificateFile=${at('certificate')}`,
      `UserKnownHostsFile=${at('known')}`,
      'IdentitiesOnly=yes',
      'BatchMode=yes',
    ]
    const flags = ['-F', 'none', '-i', at('key'), ...options.flatMap((option) => ['-o', option]), '-p', String(port)]
    const asked = run('ssh', [...flags, `${user}@${host}`, ...command], { env: { PATH: process.env.PATH } })
    asked.child.stdin?.end()
    return (await asked).stdout.trim()
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** The key in the format that every OpenSSH reads (PROTOCOL.key). */
function armour(pem: Secret): string {
  const { x = '', d = '' } = createPrivateKey(pem.reveal()).export({ format: 'jwk' })
  const [publicKey, seed] = [Buffer.from(x, 'base64url'), Buffer.from(d, 'base64url')]
  const shown = Buffer.concat([string('ssh-ed25519'), string(publicKey)])
  const check = randomBytes(4)
  const body = Buffer.concat([check, check, shown, string(Buffer.concat([seed, publicKey])), string('')])
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, (8 - (body.length % 8)) % 8))
  const file = [Buffer.from('openssh-key-v1\0'), string('none'), string('none'), string(''), uint32(1), string(shown)]
  const bytes = Buffer.concat([...file, string(Buffer.concat([body, padding]))])
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`
}

export const start: StartProvider = async () => {
  const service = await startOpenSsh()
  if (service.skip !== false) return { missing: service.skip }
  const { running } = service
  const target = sshTarget(running)
  return {
    target,
    standing: new Secret(running.ca),
    scope: { targets: [target.id], actions: ['ssh:*'] },
    action: { id: 'ssh:Session::open', access: 'write', resource: USERS.deploy, parameters: {} },
    io: ioFor(target),
    use: async (injections) => void (await sshClient(running, USERS.deploy, injections, 'true')),
    exceed: async (injections) => void (await sshClient(running, USERS.other, injections, 'true')),
    close: () => running.stop(),
  }
}

import { readFile } from 'node:fs/promises'
import type { Config } from './config.ts'
import { commandKeys } from './credentials/keys/command.ts'
import { fileKeys } from './credentials/keys/file.ts'
import { transitKeys } from './credentials/keys/transit.ts'
import type { KeySources } from './credentials/keys.ts'
import { runCommand } from './credentials/run-command.ts'
import { StintError } from './errors.ts'
import type { Dial } from './gateway/dial.ts'
import { createIo } from './gateway/io.ts'
import { placesIn } from './home.ts'
import type { Log } from './log.ts'
import type { HostRule } from './model.ts'
import { readPrivate } from './private-file.ts'
import { Secret } from './secret.ts'

/** Someone may have to touch a security key for it. */
const COMMAND_SECONDS = 60
/** The operator names the KMS, no workload does: it may be anywhere but at a metadata service. */
const ANYWHERE = ['0.0.0.0/0', '::/0']
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

/** Every source of the vault's key that is set up; those beside the chosen one unwrap until the key is rotated. Throws `invalid_config`. */
export async function openKeySources(config: Config, dial: Dial, log: Log): Promise<KeySources> {
  const { vaultKeySource: current, vaultKeyCommand: command, vaultTransitKey } = config
  const options = {
    what: 'the command of `vaultKeyCommand`',
    timeoutSeconds: COMMAND_SECONDS,
    onStderr: (stderr: string) => log.warn({ stderr }, 'the command of `vaultKeyCommand` wrote to standard error'),
  }
  return {
    current,
    sources: {
      file: fileKeys(placesIn(config.home).vaultKey),
      ...(command !== '' && { command: commandKeys(() => runCommand(command, options)) }),
      ...(vaultTransitKey !== '' && { transit: await openTransit(config, dial) }),
    },
  }
}

async function openTransit({ vaultTransitKey: url, vaultTransitTokenFile, vaultTransitCa }: Config, dial: Dial) {
  const trustedCa = vaultTransitCa === '' ? undefined : await readCa(vaultTransitCa)
  const { exchange } = createIo(dial, [placeOf(url)], { privateNetworks: ANYWHERE, trustedCa }, Date.now)
  return transitKeys({ url, exchange, token: () => readToken(vaultTransitTokenFile) })
}

/** Clear HTTP reaches this machine alone: an agent of the KMS that listens here. */
function placeOf(url: string): HostRule {
  const { protocol, hostname: host, port } = URL.parse(url) ?? { protocol: '', hostname: '', port: '' }
  if (protocol === 'https:') return { scheme: 'https', host, port: Number(port || 443) }
  if (protocol === 'http:' && LOOPBACK.includes(host)) return { scheme: 'http', host, port: Number(port || 80) }
  throw new StintError('invalid_config', 'vaultTransitKey takes an https URL, or an http one of this machine')
}

async function readToken(path: string): Promise<Secret> {
  const token = path === '' ? undefined : (await readPrivate(path))?.trim()
  if (token !== undefined && /^[!-~]+$/.test(token)) return new Secret(token)
  throw new StintError('key_unavailable', 'the file that `vaultTransitTokenFile` names holds no token')
}

async function readCa(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new StintError('invalid_config', `vaultTransitCa: ${path} cannot be read`, { cause })
  })
}

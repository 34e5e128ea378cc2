import { randomBytes } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeTestCa } from '../gateway/dial-rig.ts'
import { findProgram } from './find-program.ts'
import { freePort } from './free-port.ts'
import { type Service, serviceOrSkip } from './service.ts'
import { supervise } from './supervise.ts'
import { untilOpen } from './until-open.ts'

/** A throwaway Redis on loopback, in the clear and with TLS; nothing is written to disk. */
export interface Redis {
  readonly host: string
  readonly port: number
  /** Speaks TLS, as `localhost`. */
  readonly tlsPort: number
  /** PEM of the CA that signed its certificate. */
  readonly ca: string
  /** Of the user `default`, who may do everything. */
  readonly password: string
  stop(): Promise<void>
}

/** Starts one for a test file; it stops with the file's process. */
export function startRedis(): Promise<Service<Redis>> {
  return serviceOrSkip(() => start())
}

/** It cannot pick its ports itself, so one that was taken meanwhile means another try. */
async function start(triesLeft = 3): Promise<Redis> {
  const program = findProgram('redis-server', 'Redis is not installed (Debian: apt-get install redis-server)')
  const directory = mkdtempSync(join(tmpdir(), 'redis-'))
  const password = randomBytes(18).toString('base64url')
  const [port, tlsPort] = [await freePort(), await freePort()]
  const { certificatePem: ca, leafFor } = await makeTestCa()
  const { key, cert } = await leafFor('localhost')
  const lines = [
    ...['bind 127.0.0.1', `port ${port}`, `tls-port ${tlsPort}`, 'tls-auth-clients no', `dir ${directory}`],
    ...[`tls-key-file ${join(directory, 'key')}`, `tls-cert-file ${join(directory, 'cert')}`],
    ...['save ""', 'appendonly no', `requirepass ${password}`],
  ]
  for (const [name, text] of Object.entries({ key, cert, config: `${lines.join('\n')}\n` }))
    writeFileSync(join(directory, name), text, { mode: 0o600 })
  const aloud = ['/bin/sh', '-c', 'exec "$0" "$@" >&2'] as const // it says on its output why it does not start
  const server = supervise([...aloud, program, join(directory, 'config')], { directory, signal: 'TERM' })
  try {
    await Promise.all([untilOpen(port, server), untilOpen(tlsPort, server)])
  } catch (thrown) {
    if (!/Address already in use/.test(String(thrown)) || triesLeft === 1) throw thrown
    return start(triesLeft - 1)
  }
  return { host: '127.0.0.1', port, tlsPort, ca, password, stop: server.stop }
}

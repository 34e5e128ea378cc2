import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Injection } from '../../src/credentials/connector.ts'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { type Redis, startRedis } from '../services/redis.ts'
import { ioFor } from './own-io.ts'
import type { StartProvider } from './provider.ts'

const run = promisify(execFile)

/** One command by the real redis-cli, as the user that was minted. Rejects with what Redis says when it is refused. */
export async function redisCli(
  { host, port, password }: Pick<Redis, 'host' | 'port' | 'password'>,
  injections: readonly Injection[],
  ...command: string[]
): Promise<string> {
  const [login = { kind: 'login', username: 'default', value: new Secret(password) }] = injections
  if (login.kind !== 'login') throw new Error('Redis takes a login')
  const { stdout } = await run('redis-cli', ['-h', host, '-p', String(port), '--user', login.username, '-e', ...command], {
    env: { PATH: process.env.PATH, REDISCLI_AUTH: login.value.reveal() },
  })
  return stdout.trim()
}

export function redisTarget({ host, port }: Redis): Target {
  return {
    id: 'cache',
    connector: 'redis',
    hosts: [{ scheme: 'redis', host, port }],
    environment: 'development',
    sensitivity: 'internal',
    labels: [],
    privateNetworks: ['127.0.0.0/8'],
    credentialId: 'cache-operator',
    placement: { kind: 'none' },
    settings: { keys: ['cache:*', 'session:?'], access: 'write', tls: 'off' },
  }
}

export const start: StartProvider = async () => {
  const service = await startRedis()
  if (service.skip !== false) return { missing: service.skip }
  const { running } = service
  const target = redisTarget(running)
  await redisCli(running, [], 'SET', 'cache:a', 'one')
  return {
    target,
    standing: new Secret(running.password),
    scope: { targets: ['cache'], actions: ['redis:Session::read'] },
    action: { id: 'redis:Session::read', access: 'read', resource: 'cache', parameters: {} },
    io: ioFor(target),
    use: async (injections) => void (await redisCli(running, injections, 'GET', 'cache:a')),
    exceed: async (injections) => void (await redisCli(running, injections, 'SET', 'cache:a', 'two')),
    async leases() {
      const users = await redisCli(running, [], 'ACL', 'USERS')
      return users.split('\n').filter((name) => name.startsWith('lease_'))
    },
    close: () => running.stop(),
  }
}

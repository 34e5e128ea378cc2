import type { Socket } from 'node:net'
import type { StintError } from '../errors.ts'
import { answerFirstWords, reasonOf, type Wire } from './wires.ts'

/**
 * Variables that libraries and hosts of programs share for Redis; `redis-cli -u "$REDIS_URL"` takes the first. Only for one server.
 * `undefined` removes the variable.
 */
export function redisVariables(wires: readonly Wire[]): Readonly<Record<string, string | undefined>> {
  const [only, ...more] = wires
  if (only === undefined) return {}
  const port = String(only.localPort)
  const one = { REDIS_URL: `redis://127.0.0.1:${port}`, REDIS_HOST: '127.0.0.1', REDIS_PORT: port }
  const none = { REDIS_URL: undefined, REDIS_HOST: undefined, REDIS_PORT: undefined }
  const gone = { REDISCLI_AUTH: undefined, REDIS_USERNAME: undefined, REDIS_PASSWORD: undefined }
  return { ...gone, ...(more.length === 0 ? one : none) }
}

/** A simple error of RESP, once the client has asked something. */
export function refuseInRedis(client: Socket, error: StintError): void {
  answerFirstWords(client, Buffer.from(`-NOPERM ${reasonOf(error)}\r\n`))
}

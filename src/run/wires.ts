import type { Socket } from 'node:net'
import { CATALOGUE, type StintError } from '../errors.ts'
import type { WireScheme } from '../model.ts'
import type { ShownTarget } from './environment.ts'

/** Protocols whose programs are led to a port of their loopback. */
const SCHEMES = ['postgres', 'mysql', 'redis'] as const satisfies readonly WireScheme[]
type LocalScheme = (typeof SCHEMES)[number]

/** A declared server of such a protocol that the task may ask for. */
export interface WirePlace {
  readonly scheme: LocalScheme
  readonly target: ShownTarget
  readonly host: string
  readonly port: number
}

/** The same, and the port on the command's loopback that leads there. */
export interface Wire extends WirePlace {
  readonly localPort: number
}

const PATIENCE_MS = 2000

/** One server for each target that is spoken to in such a protocol. */
export function wirePlaces(targets: readonly ShownTarget[]): readonly WirePlace[] {
  return targets.flatMap((target) => {
    const rule = target.hosts.find(({ scheme, host }) => SCHEMES.some((one) => one === scheme) && !host.startsWith('*'))
    const scheme = SCHEMES.find((one) => one === rule?.scheme)
    return rule === undefined || scheme === undefined ? [] : [{ scheme, target, host: rule.host, port: rule.port }]
  })
}

/** The wires of one protocol. */
export function wiresOf(scheme: LocalScheme, wires: readonly Wire[]): readonly Wire[] {
  return wires.filter((wire) => wire.scheme === scheme)
}

/** Why, in one line that no protocol can take for more. */
export function reasonOf({ code, detail }: StintError): string {
  return `stint: ${CATALOGUE[code][1]} (${code}): ${detail}`.replaceAll(/\p{C}/gu, '?')
}

/** Answers once the client has said what it wants, since it reads then. */
export function answerFirstWords(client: Socket, answer: Buffer): void {
  const write = () => {
    clearTimeout(timer)
    client.off('data', write)
    answerAtOnce(client, answer)
  }
  const timer = setTimeout(write, PATIENCE_MS)
  client.on('data', write).on('close', () => clearTimeout(timer))
  client.resume()
}

/** Answers a client that waits for the server to begin. */
export function answerAtOnce(client: Socket, answer: Buffer): void {
  client.end(answer)
  client.resume()
  client.setTimeout(PATIENCE_MS, () => client.destroy())
}

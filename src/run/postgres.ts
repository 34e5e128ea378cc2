import type { Socket } from 'node:net'
import { CATALOGUE, type StintError } from '../errors.ts'
import { namesAction } from '../scope.ts'
import type { ShownTarget } from './environment.ts'

/** A declared PostgreSQL server that the task may ask for. */
export interface PostgresPlace {
  readonly target: ShownTarget
  readonly host: string
  readonly port: number
}

/** The same, and the port on the command's loopback that leads there. */
export interface PostgresWire extends PostgresPlace {
  readonly localPort: number
}

const PATIENCE_MS = 2000

/** One server for each target that is spoken to in this protocol. */
export function postgresPlaces(targets: readonly ShownTarget[]): readonly PostgresPlace[] {
  return targets.flatMap((target) => {
    const rule = target.hosts.find(({ scheme, host }) => scheme === 'postgres' && !host.startsWith('*'))
    return rule === undefined ? [] : [{ target, host: rule.host, port: rule.port }]
  })
}

/** The connection service file of libpq: `psql service=NAME`, by the names of the targets. */
export function serviceFile(wires: readonly PostgresWire[], actions: readonly string[]): string {
  return wires
    .map((wire) => {
      const { PGHOST: host, PGPORT: port, PGUSER: user, PGDATABASE: dbname } = parametersOf(wire, actions)
      const lines = Object.entries({ host, port, user, dbname, sslmode: 'disable', gssencmode: 'disable' })
      return `[${wire.target.id}]\n${lines.map(([name, value]) => `${name}=${value}\n`).join('')}`
    })
    .join('\n')
}

/**
 * Variables of libpq and of the drivers that follow it ("Environment Variables"): the way to the one server there is, or a service for
 * each. The way to the listener is in the clear, since it never leaves the machine. `undefined` removes the variable.
 */
export function postgresVariables(
  wires: readonly PostgresWire[],
  actions: readonly string[],
  servicePath: string,
): Readonly<Record<string, string | undefined>> {
  const [only, ...more] = wires
  if (only === undefined) return {}
  const parameters = parametersOf(only, actions)
  const given = more.length === 0 ? parameters : Object.fromEntries(Object.keys(parameters).map((name) => [name, undefined]))
  const own = ['PGHOSTADDR', 'PGPASSWORD', 'PGPASSFILE', 'PGSERVICE', 'PGCHANNELBINDING', 'PGREQUIREAUTH', 'PGSSLNEGOTIATION']
  const gone = Object.fromEntries(own.map((name) => [name, undefined]))
  return { ...gone, ...given, PGSERVICEFILE: servicePath, PGSSLMODE: 'disable', PGGSSENCMODE: 'disable' }
}

/** The user is what the session is for: `write` where the task may. */
function parametersOf({ target, localPort }: PostgresWire, actions: readonly string[]) {
  const isWriter = actions.some((pattern) => namesAction(pattern, 'postgres:Session::write'))
  const hasWrite = [target.settings?.grants ?? []].flat().some((line) => line.startsWith('write '))
  return {
    PGHOST: '127.0.0.1',
    PGPORT: String(localPort),
    PGUSER: isWriter && hasWrite ? 'write' : 'read',
    PGDATABASE: String(target.settings?.database ?? ''),
  }
}

/** "ErrorResponse" (PostgreSQL, "Message Formats"), SQLSTATE 08004, once the client has said what it wants and reads. */
export function refuseInPostgres(client: Socket, { code, detail }: StintError): void {
  const [, title, next] = CATALOGUE[code]
  const fields = ['SFATAL', 'VFATAL', 'C08004', `Mstint: ${title} (${code}): ${detail}`, `H${next}`]
  const body = Buffer.from(`${fields.map((field) => `${field.replaceAll(/\p{C}/gu, '?')}\0`).join('')}\0`)
  const header = Buffer.alloc(5, 'E')
  header.writeUInt32BE(body.length + 4, 1)
  const write = () => {
    clearTimeout(timer)
    client.off('data', write)
    client.end(Buffer.concat([header, body]))
    client.resume()
    client.setTimeout(PATIENCE_MS, () => client.destroy())
  }
  const timer = setTimeout(write, PATIENCE_MS)
  client.on('data', write).on('close', () => clearTimeout(timer))
  client.resume()
}

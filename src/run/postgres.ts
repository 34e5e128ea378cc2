import type { Socket } from 'node:net'
import { CATALOGUE, type StintError } from '../errors.ts'
import { namesAction } from '../scope.ts'
import { answerFirstWords, reasonOf, type Wire } from './wires.ts'

/** The connection service file of libpq: `psql service=NAME`, by the names of the targets. */
export function serviceFile(wires: readonly Wire[], actions: readonly string[]): string {
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
  wires: readonly Wire[],
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
function parametersOf({ target, localPort }: Wire, actions: readonly string[]) {
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
export function refuseInPostgres(client: Socket, error: StintError): void {
  const [, , next] = CATALOGUE[error.code]
  const fields = ['SFATAL', 'VFATAL', 'C08004', `M${reasonOf(error)}`, `H${next}`]
  const body = Buffer.from(`${fields.map((field) => `${field}\0`).join('')}\0`)
  const header = Buffer.alloc(5, 'E')
  header.writeUInt32BE(body.length + 4, 1)
  answerFirstWords(client, Buffer.concat([header, body]))
}

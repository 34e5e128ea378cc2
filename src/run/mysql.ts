import type { Socket } from 'node:net'
import type { StintError } from '../errors.ts'
import { namesAction } from '../scope.ts'
import { answerAtOnce, reasonOf, type Wire } from './wires.ts'

/** ER_ACCESS_DENIED_ERROR (MySQL, "Server Error Message Reference"). */
const ACCESS_DENIED = 1045

/**
 * An option file of MySQL and MariaDB clients: the way to the one server there is, and a group for each by the names of the targets, for
 * `--defaults-group-suffix=_NAME`.
 */
export function optionFile(wires: readonly Wire[], actions: readonly string[]): string {
  const [only, ...more] = wires
  const groups = wires.map((wire) => groupOf(`client_${wire.target.id}`, wire, actions))
  return [...(only !== undefined && more.length === 0 ? [groupOf('client', only, actions)] : []), ...groups].join('\n')
}

/** Variables of MySQL's and MariaDB's clients ("Environment Variables"). `home` has the option file. `undefined` removes the variable. */
export function mysqlVariables(wires: readonly Wire[], home: string): Readonly<Record<string, string | undefined>> {
  const [only, ...more] = wires
  if (only === undefined) return {}
  const isOne = more.length === 0
  return {
    ...{ MYSQL_PWD: undefined, MYSQL_UNIX_PORT: undefined, MYSQL_HOME: home, MARIADB_HOME: home },
    MYSQL_HOST: isOne ? '127.0.0.1' : undefined,
    MYSQL_TCP_PORT: isOne ? String(only.localPort) : undefined,
  }
}

function groupOf(group: string, wire: Wire, actions: readonly string[]): string {
  const isWriter = actions.some((pattern) => namesAction(pattern, 'mysql:Session::write'))
  const user = isWriter && wire.target.settings?.access === 'write' ? 'write' : 'read'
  return `[${group}]\nhost=127.0.0.1\nport=${wire.localPort}\nprotocol=tcp\nuser=${user}\n`
}

/** "ERR_Packet" in place of the greeting (MySQL, "Protocol::HandshakeV10"): no SQL state is in it before capabilities are known. */
export function refuseInMysql(client: Socket, error: StintError): void {
  const message = Buffer.from(reasonOf(error).slice(0, 500))
  const packet = Buffer.alloc(7)
  packet.writeUIntLE(message.length + 3, 0, 3)
  packet[4] = 0xff
  packet.writeUInt16LE(ACCESS_DENIED, 5)
  answerAtOnce(client, Buffer.concat([packet, message]))
}

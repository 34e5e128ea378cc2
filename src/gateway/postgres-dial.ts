import type { Duplex } from 'node:stream'
import type { Lease } from '../credentials/lease.ts'
import { StintError } from '../errors.ts'
import { createByteReader } from './byte-reader.ts'
import type { Dial } from './dial.ts'

/** "SSLRequest": its length, then 80877103. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const TIMEOUT_MS = 10_000

/** Where to, and whether over TLS. */
export interface PostgresPlace {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

/** A connection to a PostgreSQL server, over TLS that begins within it. Throws what `dial` throws. */
export async function dialPostgres(
  dial: Dial,
  place: PostgresPlace,
  lease: Pick<Lease, 'privateNetworks' | 'trustedCa'>,
): Promise<Duplex> {
  const { host, port, tls } = place
  const connection = await dial.dial({ host, port, tls: false, privateNetworks: lease.privateNetworks })
  connection.on('error', () => {}) // whoever reads is told
  if (!tls) return connection
  const late = new StintError('upstream_timeout', 'PostgreSQL did not answer in time')
  const timer = setTimeout(() => connection.destroy(late), TIMEOUT_MS)
  const reader = createByteReader(connection, () => new StintError('upstream_failed', 'PostgreSQL closed the connection'))
  try {
    connection.write(SSL_REQUEST)
    const answer = await reader.read(1)
    reader.release()
    // What came with the answer would be taken for words of the server that is not verified yet.
    if (answer.toString('latin1') !== 'S' || connection.readableLength > 0) throw noTls()
    return await dial.secure(connection, { host, trustedCa: lease.trustedCa })
  } catch (thrown) {
    connection.destroy()
    throw thrown
  } finally {
    clearTimeout(timer)
  }
}

function noTls(): StintError {
  return new StintError('upstream_failed', 'PostgreSQL does not speak TLS here')
}

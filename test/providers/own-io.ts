import type { Io } from '../../src/credentials/minting.ts'
import { createDial } from '../../src/gateway/dial.ts'
import { createIo } from '../../src/gateway/io.ts'
import type { Target } from '../../src/model.ts'

/** The way out that Stint gives the connector of this target. */
export function ioFor({ hosts, privateNetworks, trustedCa }: Target): Io {
  return createIo(createDial({ connectTimeoutMs: 5000 }), hosts, { privateNetworks, trustedCa }, Date.now)
}

import { StintError } from '../errors.ts'
import { Secret } from '../secret.ts'
import { decrypt, encrypt } from './seal.ts'

/** Seals what is minted, under one key that the vault keeps. A text opens for its own lease only. */
export interface LeaseSeal {
  seal(id: string, material: Secret): string
  /** Throws `state_unsafe` for a text, a lease or a key that was changed. */
  unseal(id: string, sealed: string): Secret
}

/** AES-256-GCM under `key` (32 bytes), bound to the lease. base64url. */
export function createLeaseSeal(key: Buffer): LeaseSeal {
  const about = (id: string): Buffer => Buffer.from(JSON.stringify(['stint lease', id]))
  return {
    seal: (id, material) => encrypt(key, about(id), Buffer.from(material.reveal(), 'utf8')).toString('base64url'),
    unseal(id, sealed) {
      try {
        return new Secret(decrypt(key, about(id), Buffer.from(sealed, 'base64url')).toString('utf8'))
      } catch (thrown) {
        const detail = `lease ${id} does not open: its record or the vault was changed`
        throw new StintError('state_unsafe', detail, { operatorDetail: String(thrown), cause: thrown })
      }
    },
  }
}

import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import type { Secret } from '../../secret.ts'

/** RFC 7677, section 4: no fewer. What Stint hashes is random and 24 bytes long, so that more would add nothing. */
const ITERATIONS = 4096
const SALT_BYTES = 16
const derive = promisify(pbkdf2)

/**
 * What PostgreSQL keeps of a password: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (its catalogue `pg_authid`; RFC 5802,
 * section 3). The password itself then never reaches its log. For ASCII, which SASLprep leaves as it is.
 */
export async function scramVerifier(password: Secret): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const salted = await derive(password.reveal(), salt, ITERATIONS, 32, 'sha256')
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest()
  const [saltText, stored, server] = [salt, storedKey, hmac('Server Key')].map((bytes) => bytes.toString('base64'))
  return `SCRAM-SHA-256$${ITERATIONS}:${saltText}$${stored}:${server}`
}

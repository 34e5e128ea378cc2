import { createHash, createPrivateKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { StintError } from '../errors.ts'

/**
 * The RFC 7638 thumbprint of the key in a file of the user's; a new P-256 key is written there, mode 0600, if there is none. Throws
 * `invalid_argument` for a file that holds something else.
 */
export async function openTaskKey(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  return thumbprint(text === undefined ? await create(path) : parse(text, path))
}

async function create(path: string): Promise<JsonWebKey> {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  try {
    await using file = await open(path, 'wx', 0o600)
    await file.writeFile(`${JSON.stringify(key)}\n`)
  } catch (cause) {
    throw new StintError('invalid_argument', `the key file ${path} cannot be written`, { cause })
  }
  return key
}

function parse(text: string, path: string): JsonWebKey {
  try {
    const key = createPrivateKey({ key: JSON.parse(text), format: 'jwk' }).export({ format: 'jwk' })
    if (key.kty === 'EC' && key.crv === 'P-256') return key
  } catch {
    // Answered below, without a word of what the file holds.
  }
  throw new StintError('invalid_argument', `${path} does not hold a private P-256 key as JWK`)
}

/** RFC 7638, section 3.2: the required members only, in lexicographic order. */
function thumbprint({ crv, kty, x, y }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}

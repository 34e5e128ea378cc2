import { Decrypter, Encrypter } from 'age-encryption'
import { StintError } from '../errors.ts'
import type { Secret } from '../secret.ts'

/** Who can open a backup: the holders of these recipients' identities, or who knows a passphrase. */
export type Lock = { readonly recipients: readonly string[] } | { readonly passphrase: Secret }
/** What opens one: identities (`AGE-SECRET-KEY-…`), or the passphrase. */
export type Unlock = { readonly identities: readonly Secret[] } | { readonly passphrase: Secret }

/** The bytes as an age file (C2SP age v1). Throws `invalid_argument` for a text that is not a recipient. */
export async function encrypt(plain: AsyncIterable<Uint8Array>, lock: Lock): Promise<AsyncIterable<Uint8Array>> {
  const encrypter = new Encrypter()
  if ('passphrase' in lock) encrypter.setPassphrase(lock.passphrase.reveal())
  else for (const recipient of lock.recipients) addRecipient(encrypter, recipient)
  return encrypter.encrypt(ReadableStream.from(plain))
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient)
  } catch (cause) {
    throw new StintError('invalid_argument', '--recipient takes what `age-keygen` prints as the public key: age1…', { cause })
  }
}

/**
 * What an age file holds, each chunk proved before it is given out, and its end as well. Throws `backup_invalid` for another key, a file
 * that was changed and one that ends early. Attacker-controlled: who has a recipient can write such a file.
 */
export async function* decrypt(file: AsyncIterable<Uint8Array>, unlock: Unlock): AsyncGenerator<Uint8Array> {
  const decrypter = new Decrypter()
  if ('passphrase' in unlock) decrypter.addPassphrase(unlock.passphrase.reveal())
  else for (const identity of unlock.identities) addIdentity(decrypter, identity)
  yield* inWords(async () => decrypter.decrypt(ReadableStream.from(file)))
}

function addIdentity(decrypter: Decrypter, identity: Secret): void {
  try {
    decrypter.addIdentity(identity.reveal())
  } catch {
    // The library's own words could repeat the key.
    throw new StintError('invalid_argument', 'an identity is a line AGE-SECRET-KEY-…, as `age-keygen` writes it')
  }
}

async function* inWords(open: () => Promise<AsyncIterable<Uint8Array>>): AsyncGenerator<Uint8Array> {
  try {
    yield* await open()
  } catch (thrown) {
    if (thrown instanceof StintError) throw thrown
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    const isLocked = /no identity matched/.test(why)
    const detail = isLocked ? 'what was given does not open this backup' : 'the backup is damaged, incomplete, or no age file'
    throw new StintError('backup_invalid', detail, { operatorDetail: why, cause: thrown })
  }
}

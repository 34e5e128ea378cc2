import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StintError } from '../errors.ts'
import { readPrivate, replacePrivate, replacePublic } from '../private-file.ts'

/** The CA as it lies on disk, both PEM. */
export interface CaFiles {
  readonly certificatePem: string
  readonly keyPem: string
}

/**
 * Reads `ca.key` and `ca.pem` in `dir`, or writes what `make` makes: atomically, the key first with mode 0600, flushed to disk.
 * Throws `state_unsafe` for a key that others may read, or a pair that does not belong together.
 */
export async function openCaFiles(dir: string, make: () => Promise<CaFiles>): Promise<CaFiles> {
  const keyFile = join(dir, 'ca.key')
  const certificateFile = join(dir, 'ca.pem')
  const keyPem = await readPrivate(keyFile)
  const certificatePem = await readIfThere(certificateFile)
  if (keyPem !== undefined && certificatePem !== undefined) {
    refuseMismatch({ keyPem, certificatePem }, certificateFile)
    return { keyPem, certificatePem }
  }
  if (certificatePem !== undefined)
    throw new StintError('state_unsafe', `${keyFile} is missing although ${certificateFile} is there`)
  const made = await make()
  await replacePrivate(keyFile, made.keyPem)
  await replacePublic(certificateFile, made.certificatePem)
  return made
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new StintError('state_unsafe', `${path} cannot be read`, { cause })
  }
}

function refuseMismatch(files: CaFiles, path: string): void {
  if (isPair(files)) return
  throw new StintError('state_unsafe', `${path} is not the certificate of ca.key; remove both to make a new CA`)
}

function isPair({ keyPem, certificatePem }: CaFiles): boolean {
  try {
    return new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem))
  } catch {
    return false
  }
}

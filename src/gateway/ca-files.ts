import { createPrivateKey, X509Certificate } from 'node:crypto'
import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StintError } from '../errors.ts'

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
  const keyPem = await readIfThere(keyFile)
  const certificatePem = await readIfThere(certificateFile)
  if (keyPem !== undefined && certificatePem !== undefined) {
    await refuseOpenMode(keyFile)
    refuseMismatch({ keyPem, certificatePem }, certificateFile)
    return { keyPem, certificatePem }
  }
  if (certificatePem !== undefined)
    throw new StintError('state_unsafe', `${keyFile} is missing although ${certificateFile} is there`)
  const made = await make()
  await writeDurably(keyFile, made.keyPem, 0o600)
  await writeDurably(certificateFile, made.certificatePem, 0o644)
  await syncDirectory(dir)
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

async function refuseOpenMode(path: string): Promise<void> {
  const { mode, uid } = await stat(path)
  if ((mode & 0o077) !== 0) throw new StintError('state_unsafe', `${path} can be used by others; its mode must be 0600`)
  if (process.getuid !== undefined && uid !== process.getuid())
    throw new StintError('state_unsafe', `${path} belongs to another user`)
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

async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  await rm(temporary, { force: true })
  const file = await open(temporary, 'wx', mode)
  await writeAndSync(file, text)
  await rename(temporary, path)
}

async function writeAndSync(file: FileHandle, text: string): Promise<void> {
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  await handle.sync().finally(() => handle.close())
}

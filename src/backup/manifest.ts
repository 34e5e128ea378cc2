import { StintError } from '../errors.ts'
import type { Member } from './tar.ts'

/** The first member of a backup: what it is. */
export interface Manifest {
  readonly format: 1
  /** The version that wrote it. */
  readonly stint: string
  /** RFC 3339. */
  readonly takenAt: string
}

export const MANIFEST = 'stint-backup.json'
const MAX_BYTES = 4096

/** Its member. */
export function manifestMember(manifest: Manifest): Member {
  const bytes = Buffer.from(`${JSON.stringify(manifest)}\n`)
  return {
    name: MANIFEST,
    mode: 0o600,
    size: bytes.length,
    content: (async function* () {
      yield bytes
    })(),
  }
}

/** Reads the first member. Throws `backup_invalid` when it is something else, or of a newer Stint. Attacker-controlled. */
export async function readManifest(first: Member | undefined): Promise<Manifest> {
  if (first?.name !== MANIFEST || first.size > MAX_BYTES) throw invalid('the file is no backup of Stint')
  const chunks: Uint8Array[] = []
  for await (const chunk of first.content) chunks.push(chunk)
  const { format, stint, takenAt } = parse(Buffer.concat(chunks).toString('utf8'))
  if (format !== 1 || typeof stint !== 'string' || typeof takenAt !== 'string' || Number.isNaN(Date.parse(takenAt)))
    throw invalid('a newer Stint wrote this backup; upgrade Stint')
  return { format, stint, takenAt }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text))
  } catch {
    throw invalid('the file is no backup of Stint')
  }
}

function invalid(detail: string): StintError {
  return new StintError('backup_invalid', detail)
}

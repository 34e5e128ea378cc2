import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { formatVerifier } from './checkpoint.ts'
import { AuditError } from './error.ts'
import { CHECKPOINT, PUBLIC_KEY } from './publish.ts'
import { levelsOf, nodesAt, partialTiles, TILE_WIDTH, type Tile, tilePath } from './tiles.ts'
import { openTree } from './tree.ts'

/** One file of an exported log. */
export interface ExportedFile {
  readonly path: string
  readonly bytes: Buffer
}

/**
 * What the newest checkpoint covers, file by file: a complete static tlog-tiles tree with its checkpoint and public key. Throws
 * `audit_tampered` when a file is missing.
 */
export function openExport(directory: string): { readonly size: number; files(): Generator<ExportedFile> } {
  const tree = openTree(directory)
  const { size } = tree.checkpoint
  return {
    size,
    *files() {
      for (const tile of [...partialTiles(size), ...fullTiles(size)]) yield { path: tilePath(tile), bytes: tree.read(tile) }
      yield { path: PUBLIC_KEY, bytes: Buffer.from(`${formatVerifier(tree.verifier)}\n`) }
      yield { path: CHECKPOINT, bytes: Buffer.from(tree.note) }
    },
  }
}

/**
 * Copies an export to `destination`, where any web server can serve it and `verifyDirectory` checks it. Returns how many entries it has.
 * Throws `invalid_argument` when `destination` is not empty, `audit_tampered` when a file is missing.
 */
export async function exportLog(directory: string, destination: string): Promise<number> {
  await mkdir(destination, { recursive: true })
  if ((await readdir(destination)).length > 0) throw new AuditError('invalid_argument', `${destination} is not empty`)
  const { size, files } = openExport(directory)
  for (const { path, bytes } of files()) await write(join(destination, path), bytes)
  return size
}

function* fullTiles(size: number): Generator<Tile> {
  for (let level = 0; level < levelsOf(size); level++) {
    for (let index = 0; (index + 1) * TILE_WIDTH <= nodesAt(level, size); index++) {
      yield { level, index, width: TILE_WIDTH }
      if (level === 0) yield { level: 'entries', index, width: TILE_WIDTH }
    }
  }
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, bytes)
}

import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { formatVerifier } from './checkpoint.ts'
import { AuditError, tampered } from './error.ts'
import { CHECKPOINT, PUBLIC_KEY } from './publish.ts'
import { levelsOf, nodesAt, partialTiles, TILE_WIDTH, type Tile, tilePath } from './tiles.ts'
import { openTree } from './tree.ts'

/**
 * Copies what the newest checkpoint covers to `destination`: a complete static tlog-tiles tree with its checkpoint and public key, which
 * any web server can serve and `verifyDirectory` checks. Returns how many entries it has. Throws `invalid_argument` when `destination`
 * is not empty, `audit_tampered` when a file is missing.
 */
export async function exportLog(directory: string, destination: string): Promise<number> {
  await mkdir(destination, { recursive: true })
  if ((await readdir(destination)).length > 0) throw new AuditError('invalid_argument', `${destination} is not empty`)
  const tree = openTree(directory)
  const { size } = tree.checkpoint
  for (const tile of partialTiles(size)) await write(join(destination, tilePath(tile)), tree.read(tile))
  for (const tile of fullTiles(size)) {
    const path = tilePath(tile)
    await mkdir(dirname(join(destination, path)), { recursive: true })
    await cp(join(directory, path), join(destination, path)).catch(() => {
      throw tampered(path, 'it cannot be copied')
    })
  }
  await write(join(destination, PUBLIC_KEY), Buffer.from(`${formatVerifier(tree.verifier)}\n`))
  await write(join(destination, CHECKPOINT), Buffer.from(tree.note))
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

import { realDisk } from './disk.ts'
import { createJournal, joinBatch } from './journal.ts'
import { TILE_WIDTH } from './tiles.ts'
import { openTree } from './tree.ts'

/**
 * Makes an export a log again: writes the journal that `openLog` goes on from, which repeats the entries that no full bundle holds. The
 * log then grows from the export's checkpoint. Throws `audit_tampered`.
 */
export async function resumeExport(directory: string): Promise<void> {
  const tree = openTree(directory)
  const { size } = tree.checkpoint
  const width = size % TILE_WIDTH
  const partial = width === 0 ? [] : [tree.read({ level: 'entries', index: (size - width) / TILE_WIDTH, width })]
  const journal = await createJournal(realDisk, directory, 1, joinBatch(size - width, width, partial))
  await journal.close()
}

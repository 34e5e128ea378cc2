import { fromBase64, openCheckpoint, type Verifier } from './checkpoint.ts'
import { type Entry, parseEntry } from './entry.ts'
import { AuditError, tampered } from './error.ts'
import { leafHash } from './merkle.ts'
import { createProver, rootFromInclusion } from './proofs.ts'
import { MAX_ENTRY_BYTES, splitBundle, TILE_WIDTH, tileWidth } from './tiles.ts'
import { openTree } from './tree.ts'

const HEADER = 'c2sp.org/tlog-proof@v1'

/**
 * A proof that entry `index` is in the log (C2SP tlog-proof), to be kept and checked offline with nothing but the public key. Its
 * `extra` line holds the entry itself. Throws `not_found` when the checkpoint does not cover it, `audit_tampered` when the log is damaged.
 */
export async function proveEntry(directory: string, index: number): Promise<string> {
  const tree = openTree(directory)
  const { size, root } = tree.checkpoint
  if (index >= size) throw new AuditError('not_found', `the checkpoint covers ${size} entries; ${index} is not among them`)
  const bundle = Math.floor(index / TILE_WIDTH)
  const width = tileWidth('entries', bundle, size)
  const bytes = tree.read({ level: 'entries', index: bundle, width })
  const spans = splitBundle(bytes, width, `bundle ${bundle}`)
  const entry = bytes.subarray(spans[(index % TILE_WIDTH) * 2], spans[(index % TILE_WIDTH) * 2 + 1])
  const path = await createProver(size, tree.readTile).inclusion(index)
  if (!rootFromInclusion(index, size, leafHash(entry), path)?.equals(root))
    throw tampered(`entry ${index}`, 'it is not the entry that was signed')
  const lines = [HEADER, `extra ${entry.toString('base64')}`, `index ${index}`, ...path.map((hash) => hash.toString('base64'))]
  return `${lines.join('\n')}\n\n${tree.note}`
}

/** The entry that a proof proves. */
export interface Proved {
  readonly index: number
  readonly size: number
  readonly entry: Entry
}

/** Checks a proof made by `proveEntry`. Throws `audit_tampered` when it does not hold. Attacker-controlled. */
export function checkProof(proof: string, verifier: Verifier): Proved {
  const split = proof.indexOf('\n\n')
  if (split < 0) throw tampered('proof', 'it has no checkpoint')
  const { size, root } = openCheckpoint(proof.slice(split + 2), verifier, 'proof')
  const [header, extra, position, ...path] = proof.slice(0, split).split('\n')
  const encoded = /^extra ([A-Za-z0-9+/]+=*)$/.exec(extra ?? '')?.[1]
  const digits = /^index (0|[1-9]\d{0,14})$/.exec(position ?? '')?.[1]
  const entry = encoded === undefined ? undefined : fromBase64(encoded)
  const hashes = path.map(fromBase64).filter((hash) => hash !== undefined)
  if (
    header !== HEADER ||
    entry === undefined ||
    entry.length > MAX_ENTRY_BYTES ||
    digits === undefined ||
    hashes.length !== path.length
  ) {
    throw tampered('proof', 'it is not a proof with its entry')
  }
  const index = Number(digits)
  if (!rootFromInclusion(index, size, leafHash(entry), hashes)?.equals(root))
    throw tampered('proof', 'the entry is not in that log')
  return { index, size, entry: parseEntry(entry, `entry ${index}`) }
}

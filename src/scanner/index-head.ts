/** Where a pack index of version 2 has its ids, behind magic, version and 256 counts (git's gitformat-pack, "Version 2 pack-*.idx files"). */
export const IDS_AT = 8 + 256 * 4
const MAGIC = Buffer.from('ff744f6300000002', 'hex')

/**
 * How many objects there are up to each first byte of an id of `width` bytes; undefined where a file of so many bytes is no such index, or is not
 * as long as its head says. Attacker-controlled.
 */
export function readIndexHead(head: Buffer, fileBytes: number, width: number): Uint32Array | undefined {
  if (head.length < IDS_AT || !head.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  const upTo = Uint32Array.from({ length: 256 }, (_, first) => head.readUInt32BE(8 + first * 4))
  const count = upTo[255] as number
  // Behind the ids of each object a checksum and an offset, some offsets once more in eight bytes, and the checksums of pack and index
  const least = IDS_AT + count * (width + 8) + 2 * width
  const isFitting = fileBytes >= least && fileBytes <= least + count * 8
  return isFitting && upTo.every((value, first) => first === 0 || value >= (upTo[first - 1] as number)) ? upTo : undefined
}

import { gunzipSync, inflateRawSync, zstdDecompressSync } from 'node:zlib'
import { FormatError, type Room } from './member.ts'

/** What is compressed in one of these ways. */
export type Compression = 'gzip' | 'zstd' | 'deflate'

const WAYS: Readonly<Record<Compression, (packed: Buffer, options: { maxOutputLength: number }) => Buffer>> = {
  gzip: gunzipSync,
  zstd: zstdDecompressSync,
  deflate: inflateRawSync,
}

/** Unpacks as much as there is room for. Throws FormatError for a bomb, and for what is broken. */
export function inflate(packed: Buffer, way: Compression, room: Room): Buffer {
  const maxOutputLength = room.allow(packed.length)
  try {
    const bytes = WAYS[way](packed, { maxOutputLength })
    room.take(bytes.length)
    return bytes
  } catch (thrown) {
    room.take(maxOutputLength)
    const isTooMuch = thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_BUFFER_TOO_LARGE'
    throw new FormatError(isTooMuch ? 'it unpacks to too much for its size' : 'its compressed data is broken')
  }
}

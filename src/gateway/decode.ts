import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { StintError } from '../errors.ts'

/** Content codings that can be read (RFC 9110, section 8.4.1), to be scrubbed. */
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

/** A stream that undoes one content coding. Throws `upstream_failed` for what cannot be undone, since it could not be scrubbed. */
export function createDecoder(encoding: string): Transform {
  const name = encoding.trim().toLowerCase()
  const make = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined
  if (make === undefined) {
    throw new StintError('upstream_failed', 'the target answered in a content coding that cannot be checked for the secret')
  }
  return make()
}

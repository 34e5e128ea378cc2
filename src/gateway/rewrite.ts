/** Replaces bytes in a stream of chunks. `end` answers what was held back. */
export interface Rewrite {
  push(chunk: Buffer): Buffer
  end(): Buffer
}

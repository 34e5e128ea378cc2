import type { Secret } from '../secret.ts'
import { cover, createMask } from './mask.ts'
import { needlesOf } from './needles.ts'
import type { Rewrite } from './rewrite.ts'
import { createSearch } from './search.ts'

/** Takes secrets out of what goes back to a workload (G2). */
export interface Scrubber {
  /** Covers every occurrence: `[scrubbed]`, filled up with `*` to the same number of bytes. */
  text(value: string): string
  /** The same for one stream of chunks, whatever the chunks; holds back only what could be a start. */
  mask(): Rewrite
  /** True when there is nothing to look for, so that the bytes need not pass through. */
  readonly isEmpty: boolean
}

/** Looks for the secrets and their usual encodings; which ones, and what is too short to look for, is in needles.ts. */
export function createScrubber(secrets: readonly Secret[]): Scrubber {
  const needles = needlesOf(secrets.map((secret) => secret.reveal()))
  const search = createSearch(needles)
  return {
    mask: () => createMask(search),
    isEmpty: needles.length === 0,
    text: (value) => cover(Buffer.from(value), search).masked.toString(),
  }
}

import type { Content, Located } from './content.ts'
import type { Skipped } from './job.ts'

/** What becomes of contents that have paths. */
export interface PathSink {
  open(path: string): Content
  found(path: string, located: readonly Located[]): void
  skipped(skipped: Skipped): void
  read(items: number, bytes: number): void
}

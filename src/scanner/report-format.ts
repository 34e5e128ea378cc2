import type { Report } from './scan.ts'

/** What a report says of the scan beside what it found. */
export interface Run {
  /** Stint's. */
  readonly version: string
  readonly startedAt: Date
  readonly endedAt: Date
  /** Where the scan was of a repository. */
  readonly repository?: Provenance
}

/** Which repository, and where its HEAD was. */
export interface Provenance {
  /** Absolute, without a user or a password. */
  readonly uri: string
  /** Absent in a repository without a commit. */
  readonly revision?: string
}

/**
 * One format of a report. Paths, authors and dates are attacker-controlled: whatever they hold, the text is one of its format, and holds no
 * control character but line feeds.
 */
export type ReportFormat = (report: Report, run: Run) => string

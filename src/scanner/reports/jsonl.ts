import type { ReportFormat } from '../report-format.ts'
import { toJson } from '../spelling.ts'

/** JSON Lines: a line for each finding, one for each thing that was skipped, and a summary at the end; `kind` says which it is. */
export const jsonl: ReportFormat = ({ findings, skipped, ...summary }) =>
  [
    ...findings.map((finding) => ({ kind: 'finding', ...finding })),
    ...skipped.map((one) => ({ kind: 'skipped', ...one })),
    { kind: 'summary', ...summary },
  ]
    .map(toJson)
    .join('\n')

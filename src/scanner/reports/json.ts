import type { ReportFormat } from '../report-format.ts'
import { toJson } from '../spelling.ts'

/** All of it as one object, as under `--json`. */
export const json: ReportFormat = (report) => toJson(report)

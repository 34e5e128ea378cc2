import type { ReportFormat } from '../report-format.ts'
import { visible } from '../spelling.ts'

const COLUMNS = ['path', 'line', 'column', 'object', 'commit', 'author', 'email', 'date', 'where'] as const

/** Comma-separated values (RFC 4180, with line feeds): a row for each place of each finding. */
export const csv: ReportFormat = ({ findings }) =>
  [
    ['fingerprint', 'known', 'verdict', 'confidence', 'rule', 'provider', 'title', 'preview', ...COLUMNS],
    ...findings.flatMap(({ fingerprint, known, verdict, confidence, rule, provider, title, preview, places }) =>
      places.map((place) => [
        fingerprint,
        known ? 'yes' : 'no',
        verdict?.is ?? '',
        confidence,
        rule,
        provider,
        title,
        preview,
        ...COLUMNS.map((name) => place[name] ?? ''),
      ]),
    ),
  ]
    .map((row) => row.map((value) => cell(String(value))).join(','))
    .join('\n')

/** What a spreadsheet would take for a formula is made a text (OWASP, CSV injection), also behind blanks and in full width. */
function cell(value: string): string {
  const text = visible(value)
  const safe = /^\s*[=+\-@|%＝＋－＠]/.test(text) ? `'${text}` : text
  return `"${safe.replaceAll('"', '""')}"`
}

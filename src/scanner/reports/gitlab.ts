import { createHash } from 'node:crypto'
import type { Finding, Place } from '../finding.ts'
import type { ReportFormat } from '../report-format.ts'
import type { Confidence } from '../rule.ts'
import { toJson, verdictText } from '../spelling.ts'
import { skippedLines } from './text.ts'

const SCHEMA = '15.2.1'
const SEVERITIES: Readonly<Record<Confidence, string>> = { high: 'Critical', medium: 'High', low: 'Low' }
/** What GitLab's own analyzer says where there is no commit. */
const NO_COMMIT = '0000000'

/** GitLab's report of secret detection (security-report-schemas 15.2.1), for `artifacts: reports: secret_detection`. */
export const gitlab: ReportFormat = ({ findings, skipped }, { version, startedAt, endedAt }) => {
  const tool = { id: 'stint', name: 'Stint', version, vendor: { name: 'Stint' } }
  return toJson({
    version: SCHEMA,
    schema: `https://gitlab.com/gitlab-org/security-products/security-report-schemas/-/raw/v${SCHEMA}/dist/secret-detection-report-format.json`,
    scan: {
      type: 'secret_detection',
      status: 'success',
      analyzer: tool,
      scanner: tool,
      start_time: startedAt.toISOString().slice(0, 19),
      end_time: endedAt.toISOString().slice(0, 19),
      messages: skippedLines(skipped).map((value) => ({ level: 'warn', value })),
    },
    vulnerabilities: findings.flatMap((finding) => finding.places.map((place) => vulnerabilityOf(finding, place))),
  })
}

function vulnerabilityOf(finding: Finding, place: Place): unknown {
  const { rule, fingerprint, provider, title, confidence, preview } = finding
  const { path, line, object, commit, author, date } = place
  return {
    id: uuidOf([fingerprint, path ?? object, line, commit]),
    category: 'secret_detection',
    name: `${provider} ${title}`.slice(0, 255),
    description: `A ${title} of ${provider}, ${fingerprint} to this installation of Stint${verdictText(finding)}. Make it invalid where it was issued, then replace it.`,
    severity: SEVERITIES[confidence],
    identifiers: [
      { type: 'stint_rule', name: `Stint rule ${rule}`, value: rule },
      { type: 'stint_fingerprint', name: `Secret ${preview}`, value: fingerprint },
    ],
    location: {
      ...(path !== undefined && { file: path }),
      start_line: line,
      commit: { sha: commit ?? NO_COMMIT, ...(author !== undefined && { author, date }) },
    },
  }
}

/** The same for the same: a UUID of version 8 (RFC 9562, section 5.8). */
function uuidOf(of: readonly unknown[]): string {
  const bytes = createHash('sha256').update(JSON.stringify(of)).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

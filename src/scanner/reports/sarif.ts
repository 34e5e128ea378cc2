import { createHash } from 'node:crypto'
import type { Finding, Place } from '../finding.ts'
import type { ReportFormat, Run } from '../report-format.ts'
import type { Confidence } from '../rule.ts'
import { toJson, verdictText } from '../spelling.ts'
import { skippedLines } from './text.ts'

const LEVELS: Readonly<Record<Confidence, string>> = { high: 'error', medium: 'warning', low: 'note' }
/** What GitHub calls critical, high and low: a score of CVSS as text. */
const SEVERITIES: Readonly<Record<Confidence, string>> = { high: '9.5', medium: '8.0', low: '3.0' }
const ROOT = '%SRCROOT%'
const ADVICE =
  'Make the credential invalid where it was issued, then replace it. Taking it out of a file leaves it in the history and with whoever has read it.'

/** SARIF 2.1.0 (OASIS, errata 01): a result for each place, so that each can be closed by itself. */
export const sarif: ReportFormat = ({ findings, skipped }, run) => {
  const rules = [...new Map(findings.map((finding) => [finding.rule, finding])).values()]
  const notes = skippedLines(skipped).map((line) => ({ level: 'warning', message: { text: plain(line) } }))
  return toJson({
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'Stint', semanticVersion: run.version, rules: rules.map(descriptorOf) } },
        invocations: [
          {
            executionSuccessful: true,
            startTimeUtc: run.startedAt.toISOString(),
            endTimeUtc: run.endedAt.toISOString(),
            toolExecutionNotifications: notes,
          },
        ],
        ...provenanceOf(run),
        originalUriBaseIds: { [ROOT]: { description: { text: 'What was scanned.' } } },
        columnKind: 'utf16CodeUnits',
        results: findings.flatMap((finding) =>
          resultsOf(
            finding,
            rules.findIndex(({ rule }) => rule === finding.rule),
          ),
        ),
      },
    ],
  })
}

function provenanceOf({ repository }: Run): Readonly<Record<string, unknown>> {
  if (repository === undefined) return {}
  const { uri, revision } = repository
  const at = { repositoryUri: uri, mappedTo: { uriBaseId: ROOT }, ...(revision !== undefined && { revisionId: revision }) }
  return { versionControlProvenance: [at] }
}

function descriptorOf({ rule, provider, title, confidence }: Finding): unknown {
  return {
    id: rule,
    shortDescription: { text: plain(`${provider} ${title}`) },
    help: { text: ADVICE },
    defaultConfiguration: { level: LEVELS[confidence] },
    properties: { tags: ['security', 'secret'], 'security-severity': SEVERITIES[confidence] },
  }
}

function resultsOf(finding: Finding, ruleIndex: number): unknown[] {
  const { rule, fingerprint, confidence, provider, title, preview, known, places } = finding
  const nameOf = createPlaceNames(fingerprint)
  return places.map((place) => {
    const { object, commit, author, email, date, where } = place
    return {
      ruleId: rule,
      ruleIndex,
      ...(known && { suppressions: [{ kind: 'external', justification: 'It stands in the baseline.' }] }),
      level: LEVELS[confidence],
      message: { text: plain(`${provider} ${title}: ${preview}${verdictText(finding)}`) },
      ...(place.path !== undefined && { locations: [locationOf(place, place.path)] }),
      partialFingerprints: { 'secret/v1': fingerprint, primaryLocationLineHash: nameOf(place) },
      properties: { object, commit, author, email, date, where, verdict: finding.verdict?.is },
    }
  })
}

function locationOf({ line, column }: Place, path: string): unknown {
  const artifactLocation = { uri: uriOf(path), uriBaseId: ROOT }
  return { physicalLocation: { artifactLocation, region: { startLine: line, startColumn: column } } }
}

/** Names places by secret and path, counted: they keep their names when lines above them come or go. GitHub tells results apart by these. */
function createPlaceNames(fingerprint: string): (place: Place) => string {
  const counts = new Map<string, number>()
  return ({ path, object = '' }) => {
    const name = createHash('sha256')
      .update(JSON.stringify([fingerprint, path ?? object]))
      .digest('hex')
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    return `${name.slice(0, 16)}:${count}`
  }
}

/** A relative reference (RFC 3986, section 4.2): a path with a colon, a question mark or half a character in it stays a path. */
function uriOf(path: string): string {
  return path.toWellFormed().split('/').map(encodeURIComponent).join('/')
}

/** Brackets would be an embedded link (section 3.11.6). */
function plain(message: string): string {
  return message.replace(/[\\[\]]/g, '\\$&')
}

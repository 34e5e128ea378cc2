import type { Finding } from '../finding.ts'
import type { Skipped } from '../job.ts'
import type { ReportFormat } from '../report-format.ts'
import type { Report } from '../scan.ts'
import { placeText, visible } from '../spelling.ts'

/** Of a secret's places, as many are shown. */
const SHOWN_PLACES = 3

/** For people: secret by secret, worst first. */
export const text: ReportFormat = ({ findings, skipped, allowed = 0, items, bytes, earlier }) => {
  const found = findings.map(findingText).join('\n\n')
  const count = findings.length === 1 ? '1 secret' : `${findings.length} secrets`
  const sum = `${findings.length === 0 ? 'Nothing found' : `${count} found`} in ${items} ${items === 1 ? 'object' : 'objects'}, ${megabytes(bytes)}.`
  const passed = allowed === 0 ? [] : [`Passed over ${allowed} ${allowed === 1 ? 'place' : 'places'} that allow-lists name.`]
  return [...(found === '' ? [] : [found, '']), sum, ...earlierLines(earlier), ...passed, ...skippedLines(skipped)].join('\n')
}

/** What was not looked into, since an earlier scan did. */
function earlierLines(earlier: Report['earlier']): string[] {
  if (earlier === undefined) return []
  const { items, gone } = earlier
  const lost = gone === 0 ? '' : `; ${gone} ${gone === 1 ? 'secret is' : 'secrets are'} left out that only objects of before had`
  return [`${items} ${items === 1 ? 'object was' : 'objects were'} looked into before${lost}.`]
}

function findingText({
  provider,
  title,
  confidence,
  preview,
  fingerprint,
  rule,
  facts,
  known,
  places,
  morePlaces = 0,
  verdict,
}: Finding): string {
  const said = Object.entries(facts).map(([name, value]) => `${name} ${value}`)
  const left = places.length + morePlaces - SHOWN_PLACES
  const more = left > 0 ? [`  … and ${left} more places (--json has ${morePlaces > 0 ? 'most of them' : 'them all'})`] : []
  return [
    `${provider} ${title} (${confidence}${known ? ', known' : ''}): ${preview}`,
    `  ${[`rule ${rule}`, `fingerprint ${fingerprint}`, ...said].join(', ')}`,
    ...(verdict === undefined ? [] : [`  ${verdict.is}: ${verdict.why}`]),
    ...places.slice(0, SHOWN_PLACES).map((place) => `  ${placeText(place)}`),
    ...more,
  ]
    .map(visible)
    .join('\n')
}

/** Why something was not looked into, and how often. */
export function skippedLines(skipped: readonly Skipped[]): string[] {
  const reasons = Map.groupBy(skipped, ({ why }) => why)
  return [...reasons].map(([why, ones]) =>
    visible(`Skipped ${ones.length}: ${why} (${ones[0]?.what}${ones.length > 1 ? ', …' : ''})`),
  )
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

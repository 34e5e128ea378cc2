import type { Finding } from '../finding.ts'
import type { Skipped } from '../job.ts'
import type { ReportFormat } from '../report-format.ts'
import { placeText, visible } from '../spelling.ts'

/** Of a secret's places, as many are shown. */
const SHOWN_PLACES = 3

/** For people: secret by secret, worst first. */
export const text: ReportFormat = ({ findings, skipped, allowed = 0, items, bytes, earlier }) => {
  const found = findings.map(findingText).join('\n\n')
  const count = findings.length === 1 ? '1 secret' : `${findings.length} secrets`
  const objects = `${items} ${earlier === undefined ? '' : 'new '}${items === 1 ? 'object' : 'objects'}, ${megabytes(bytes)}`
  const before =
    earlier === undefined ? '' : `, and in ${earlier.items} that ${earlier.items === 1 ? 'was' : 'were'} looked into before`
  const sum = `${findings.length === 0 ? 'Nothing found' : `${count} found`} in ${objects}${before}.`
  const passed = allowed === 0 ? [] : [`Passed over ${allowed} ${allowed === 1 ? 'place' : 'places'} that allow-lists name.`]
  return [...(found === '' ? [] : [found, '']), sum, ...goneLines(earlier?.gone), ...passed, ...skippedLines(skipped)].join('\n')
}

/** Of what an earlier scan found, what is not there any more. */
function goneLines(gone = 0): string[] {
  return gone === 0 ? [] : [`Left out ${gone} ${gone === 1 ? 'secret' : 'secrets'} that only objects had which are gone.`]
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

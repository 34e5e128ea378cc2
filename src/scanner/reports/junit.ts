import type { Finding } from '../finding.ts'
import type { ReportFormat } from '../report-format.ts'
import { placeText, verdictText, visible } from '../spelling.ts'

/** JUnit's XML, as CI systems read it: every finding is a failed test, or one that is skipped when it stands in the baseline; where there is none, one test has passed. */
export const junit: ReportFormat = ({ findings }, { startedAt, endedAt }) => {
  const tests = findings.length === 0 ? ['    <testcase classname="stint" name="no secret was found"/>'] : findings.map(testOf)
  const known = findings.filter((finding) => finding.known).length
  const seconds = ((endedAt.getTime() - startedAt.getTime()) / 1000).toFixed(3)
  const counts = `tests="${tests.length}" failures="${findings.length - known}" errors="0" skipped="${known}" time="${seconds}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="stint scan" ${counts} timestamp="${startedAt.toISOString().slice(0, 19)}">`,
    ...tests,
    '  </testsuite>',
    '</testsuites>',
  ].join('\n')
}

function testOf(finding: Finding): string {
  return finding.known ? skippedTest(finding) : failedTest(finding)
}

function skippedTest({ rule, provider, title, fingerprint }: Finding): string {
  return [
    `    <testcase classname=${quoted(rule)} name=${quoted(`${provider} ${title} ${fingerprint}`)}>`,
    '      <skipped message="it stands in the baseline"/>',
    '    </testcase>',
  ].join('\n')
}

function failedTest(finding: Finding): string {
  const { rule, provider, title, preview, fingerprint, confidence, places } = finding
  const message = `${provider} ${title}: ${preview}${verdictText(finding)}`
  return [
    `    <testcase classname=${quoted(rule)} name=${quoted(`${provider} ${title} ${fingerprint}`)}>`,
    `      <failure type=${quoted(confidence)} message=${quoted(message)}>${escaped(places[0] && placeText(places[0]))}`,
    ...places.slice(1).map((place) => escaped(placeText(place))),
    '      </failure>',
    '    </testcase>',
  ].join('\n')
}

function quoted(text: string): string {
  return `"${escaped(text)}"`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

/** For an attribute or as content (XML 1.0, section 2.4). What is no Char of XML (2.2) is a control character, or one of two that are none. */
function escaped(text = ''): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}

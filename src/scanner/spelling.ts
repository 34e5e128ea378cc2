import type { Finding, Place } from './finding.ts'

/** The text in one line: control characters, direction overrides (Trojan Source, CVE-2021-42574) and what is no character are spelled out. */
export function visible(text: string): string {
  return text.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** JSON (RFC 8259) in one line, in which such characters are escaped, so that it can be shown as it is. */
export function toJson(value: unknown): string {
  return JSON.stringify(value).replace(/\p{C}/gu, (character) =>
    Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  )
}

/** `path:line:column`, the message or issue, and the commit it came in with, for people. */
export function placeText({ path, line, column, where, object, commit, author, date }: Place): string {
  const place = `${path ?? `object ${object}`}:${line}:${column}${where === undefined ? '' : ` (${where})`}`
  return commit === undefined ? place : [`${place} in ${commit.slice(0, 12)}`, author, date].filter(Boolean).join(', ')
}

/** `, live: why`, for where a finding was verified; else nothing. */
export function verdictText({ verdict }: Finding): string {
  return verdict === undefined ? '' : `, ${verdict.is}: ${verdict.why}`
}

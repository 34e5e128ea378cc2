import { type EntryKind, FIELDS, type FieldType } from './entry.ts'

/**
 * A pattern for the canonical UTF-8 of one kind without escapes, one character for each byte: four times faster than parsing. What it
 * matches, when it is UTF-8, `parseEntry` accepts, but for the lengths of texts and the calendar, which it does not look at; what it
 * does not match is for `parseEntry` to judge. The value of the field `keep` is group 1.
 */
export function fastPattern(kind: EntryKind, keep?: string): RegExp {
  const quoted = '"[ !#-\\[\\]-~\\x80-\\xff]*"'
  const number = '(?:0|[1-9]\\d{0,14})'
  const fields: Readonly<Record<string, FieldType>> = FIELDS[kind]
  const parts = Object.entries(fields).map(([name, type]) => {
    const one = patternOf(type, quoted, number)
    return `"${name}":${keep === name ? `(${one})` : one}`
  })
  const head = `\\{"v":1,"kind":"${kind}","at":"\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z"`
  return new RegExp(`^${head},${parts.join(',')}\\}$`)
}

function patternOf(type: FieldType, quoted: string, number: string): string {
  switch (type.is) {
    case 'text':
      return type.orNull ? `(?:null|${quoted})` : quoted
    case 'choice':
      return `(?:${type.orNull ? 'null|' : ''}${type.of.map((one) => `"${one}"`).join('|')})`
    case 'whole':
      return type.orNull ? `(?:null|${number})` : number
    case 'list':
      return `\\[(?:${quoted}(?:,${quoted}){0,${type.items - 1}})?\\]`
    case 'map':
      return '\\{\\}'
  }
}

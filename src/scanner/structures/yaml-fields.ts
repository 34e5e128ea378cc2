import { isMap, isScalar, isSeq, type Node, parseAllDocuments } from 'yaml'
import { type Field, refuseLarge } from '../exports/item.ts'
import { FormatError } from '../formats/member.ts'

/** Its parser is thorough, and slow. */
const MOST_BYTES = 256 << 10

/** The texts of YAML (1.2), of each document by itself. Aliases are not followed: what they stand for is where its anchor is. Throws FormatError for what is too large. */
export function readYamlFields(text: string): Field[][] {
  if (text.length > MOST_BYTES) throw new FormatError('it is YAML that is too large')
  return parse(text).map(({ contents }) => {
    const fields: Field[] = []
    const add = (node: unknown, path: readonly string[]): void => {
      refuseLarge({ fields: fields.length, depth: path.length })
      if (isMap(node)) for (const { key, value } of node.items) add(value, [...path, String(isScalar(key) ? key.value : '')])
      else if (isSeq(node)) for (const [at, item] of node.items.entries()) add(item, [...path, String(at)])
      else if (isScalar(node) && typeof node.value === 'string') fields.push(fieldOf(text, node, node.value, path))
    }
    add(contents, [])
    return fields
  })
}

/** What lies nested too deep for the parser is none. */
function parse(text: string): readonly { readonly contents: unknown }[] {
  try {
    return parseAllDocuments(text, { logLevel: 'silent', prettyErrors: false, uniqueKeys: false, keepSourceTokens: false })
  } catch (thrown) {
    if (thrown instanceof RangeError) throw new FormatError('it is YAML that is nested too deep')
    throw thrown
  }
}

function fieldOf(text: string, { range }: Node, value: string, path: readonly string[]): Field {
  const [from = 0, to = from] = range ?? []
  const at = text.indexOf(value, from)
  const isVerbatim = at >= 0 && at + value.length <= to
  return { path, text: value, start: isVerbatim ? at : from, isVerbatim }
}

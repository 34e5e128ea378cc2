import type { Field } from '../exports/item.ts'
import { endOfText, readJsonFields } from '../exports/json.ts'
import { FormatError } from '../formats/member.ts'
import { readTomlFields } from './toml-fields.ts'
import { readYamlFields } from './yaml-fields.ts'

/** U+FEFF in UTF-8. */
const MARK_OF_ORDER = '\xef\xbb\xbf'

/** What shows that a text is a file of these kinds. Anything may hold a keyword. */
export interface Signs {
  readonly toml?: RegExp
  readonly yaml?: RegExp
}

/** The texts of each document in a file of settings: JSON, with comments and commas as editors allow them, or what it shows to be. None where it is neither, or broken. */
export function readFields(marked: string, signs: Signs): readonly (readonly Field[])[] {
  return readDocuments(marked, signs).map((fields) => fields.filter(isNamed))
}

function readDocuments(marked: string, { toml, yaml }: Signs): readonly (readonly Field[])[] {
  const text = marked.startsWith(MARK_OF_ORDER) ? marked.replace(MARK_OF_ORDER, '   ') : marked
  try {
    if (beginning(text) === '{') return [readJsonFields(withoutComments(text)).filter(({ isName }) => !isName)]
    if (toml?.test(text)) return [readTomlFields(text)]
    return yaml?.test(text) ? readYamlFields(text) : []
  } catch (thrown) {
    if (thrown instanceof FormatError) return []
    throw thrown
  }
}

/** Names that lead to a text are compared as a whole, again and again: longer ones than people give are not looked at. */
const MOST_NAMES = 500

function isNamed({ path }: Field): boolean {
  let length = 0
  for (const name of path) length += name.length
  return length <= MOST_NAMES
}

/** The first character that is neither space nor in a comment. */
function beginning(text: string): string {
  let at = 0
  for (;;) {
    while (at < text.length && text.charCodeAt(at) <= 32) at += 1
    const end = commentEnd(text, at)
    if (end === undefined) return text.charAt(at)
    at = end
  }
}

function commentEnd(text: string, at: number): number | undefined {
  const mark = text.startsWith('//', at) ? '\n' : text.startsWith('/*', at) ? '*/' : undefined
  if (mark === undefined) return undefined
  const end = text.indexOf(mark, at + 2)
  return end < 0 ? text.length : end + mark.length
}

const MARK = /"|\/\/|\/\*/g

/** The text with spaces in the place of its comments, so that all else stays where it is. Throws FormatError. */
function withoutComments(text: string): string {
  const kept: string[] = []
  let from = 0
  MARK.lastIndex = 0
  for (let mark = MARK.exec(text); mark !== null; mark = MARK.exec(text)) {
    const end = commentEnd(text, mark.index)
    if (end === undefined) MARK.lastIndex = endOfText(text, mark.index + 1) + 1
    else {
      kept.push(text.slice(from, mark.index), ' '.repeat(end - mark.index))
      from = end
      MARK.lastIndex = end
    }
  }
  return kept.join('') + text.slice(from)
}

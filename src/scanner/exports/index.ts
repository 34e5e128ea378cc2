import { forge } from './forge.ts'
import { jira } from './jira.ts'
import { linear } from './linear.ts'
import { notebook } from './notebook.ts'
import { records } from './records.ts'
import type { Shape } from './shape.ts'
import { slack } from './slack.ts'

/** The surer before those that more could be. */
const SHAPES: readonly Shape[] = [slack, jira, linear, forge, notebook, records]
/** By so much of its beginning an export is known. */
const BEGINNING_BYTES = 16 << 10
const HEADER = /^(?:\xef\xbb\xbf)?(?:[A-Za-z]|"[A-Za-z])[^\r\n]{4,4000}?(?=\r?\n)/

/** What a content is an export of, and how it is written. */
export interface Recognized {
  /** Of which its records may be. */
  readonly shapes: readonly Shape[]
  /** What stands between the cells of a table; absent for JSON. */
  readonly separator?: ',' | ';'
}

/** The export that begins with these bytes; undefined where it is none. Attacker-controlled. */
export function recognize(first: Buffer): Recognized | undefined {
  const begin = first.toString('latin1', 0, 3) === '\xef\xbb\xbf' ? 3 : 0
  let at = begin
  while (at < 64 && (first[at] ?? 0x21) <= 0x20) at += 1
  if (first[at] === 0x5b || first[at] === 0x7b) return recognizeJson(first.toString('latin1', at, at + BEGINNING_BYTES))
  return recognizeTable(first)
}

/** Settings have members called so too, and are known by their whole shape (src/scanner/structures). */
const SETTINGS = /(?<!\\)"(?:(?:mcpServers|mcp_servers|context_servers|terraform_version)"\s*:|kind"\s*:\s*"(?:Secret|List)")/

function recognizeJson(text: string): Recognized | undefined {
  if (SETTINGS.test(text)) return undefined
  const shapes = SHAPES.filter(({ members }) => members?.every((one) => one.test(text)))
  return shapes.length === 0 ? undefined : { shapes }
}

function recognizeTable(first: Buffer): Recognized | undefined {
  const comma = first.indexOf(0x2c)
  const lineEnd = first.indexOf(0x0a)
  if (lineEnd < 8 || lineEnd > 4096) return undefined
  const [header] = HEADER.exec(first.toString('latin1', 0, lineEnd + 1)) ?? []
  if (header === undefined) return undefined
  const separator = comma >= 0 && comma < lineEnd ? ',' : ';'
  const names = new Set(
    header
      .replace(/^\xef\xbb\xbf/, '')
      .toLowerCase()
      .split(separator)
      .map((name) => name.trim().replace(/^"|"$/g, '')),
  )
  const shapes = SHAPES.filter(({ columns }) => columns?.every((one) => names.has(one)))
  return shapes.length === 0 ? undefined : { shapes, separator }
}

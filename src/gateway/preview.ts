import type { WholeBody } from './whole-body.ts'

/** Bytes of a body that people are shown. */
const MOST_BYTES = 4096
/** The same where they are no text. */
const BINARY_BYTES = 256
/** So much more is looked at, that a secret across the end is seen to be one. */
const MARGIN = 512
const MASK = '[masked]'

/** Members and fields by whose name their value is a secret, as JSON, a form or a header writes them. */
const NAMED =
  /("?[\w.-]{0,40}(?:password|passwd|secret|token|api[_-]?key|private[_-]?key|authorization|credential)[\w.-]{0,40}"?\s{0,8}[:=]\s{0,8})("(?:[^"\\]|\\.)*"?|[^\s&,;}"]+(?: [^\s&,;}"]+)?)/gi
/** Secrets that look like one wherever they are: key blocks, and tokens that begin with the name of their kind. */
const SHAPED =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)|\b(?:gh[opsur]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|sk-[\w-]{16,}|AKIA[A-Z0-9]{12,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*)/g

/**
 * The beginning of a body for people to read, on lines of its own, after what its connector tells of it. What is no text is told by its
 * length and hash, and by the text that it may begin with. Attacker-controlled.
 */
export function previewOf(
  { beginning, size, digest }: Pick<WholeBody, 'beginning' | 'size' | 'digest'>,
  told: readonly string[] = [],
): string {
  const text = decode(beginning)
  const lines = told.map((line) => `${line}\n`).join('')
  if (text === undefined) {
    const start = maskText(beginning.subarray(0, BINARY_BYTES + MARGIN).toString('latin1')).slice(0, BINARY_BYTES)
    return readable(
      `${lines}${size} bytes that are no text, SHA-256 ${digest}; they begin ${start.replaceAll(/[^\x20-\x7e]+/g, '…')}`,
    )
  }
  const shown = Buffer.from(maskText(text.slice(0, MOST_BYTES + MARGIN))).subarray(0, MOST_BYTES)
  return readable(`${lines}${shown}${size > MOST_BYTES ? `… (${size} bytes in all)` : ''}`)
}

function readable(text: string): string {
  return text.replaceAll(/[^\n\P{C}]|[\p{Zl}\p{Zp}]/gu, '?')
}

/** A short text with what looks like a secret covered. A guess, for people's eyes: no decision rests on it. */
export function maskText(text: string): string {
  return text.replaceAll(SHAPED, MASK).replaceAll(NAMED, `$1${MASK}`)
}

/** Undefined for what is not UTF-8. A character may be cut off at the end. */
function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
  } catch {
    return undefined
  }
}

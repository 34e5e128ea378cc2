import { isStandIn } from './likeness.ts'

/** What is written where a password will be, and what every installation begins with. */
const WORD =
  /^(?:.|(?:my|some|the|db|user)?[_-]?pass(?:word|wd|phrase|w)?|pwd|pw|secret|user(?:name)?|my[_-]?secret|token|key|test|guest|root|admin|postgres|mysql|redis|mongo|rabbitmq|changeit|auth|credentials?|foo|bar|baz|[*.x]+|%[sdvq@]|:?\[?pass(?:word)?\]?)$/i

/** False for what only stands for a password: a variable, a word for it, what every installation begins with. */
export function isPassword(text: string): boolean {
  return !isStandIn(text) && !WORD.test(text) && !/^[$%<{[:]|[}>\]]$|^\\/.test(text)
}

/** `user:password` in base 64 (RFC 7617, section 2), printable throughout. */
export function isPair(encoded: string): boolean {
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const at = text.indexOf(':')
  return at > 0 && /^[\x20-\x7e\u00a0-\uffef]+$/.test(text) && !text.includes('\ufffd') && isPassword(text.slice(at + 1))
}

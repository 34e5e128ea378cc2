import { entropyOf, isStandIn } from './likeness.ts'

export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** A key of letters and digits as a machine makes it, or a password as a person thinks it up: not a word, a path, an address or an identifier. */
export function isRandom(text: string): boolean {
  if (
    isStandIn(text) ||
    isNamed(text) ||
    /^urn:|^[$%<{[:@/.]|:\/\/|\.(?:js|ts|json|pem|key|txt|ya?ml|env|crt|go|py)$/i.test(text)
  )
    return false
  if (!/\d/.test(text) || !/[A-Za-z]/.test(text) || UUID.test(text)) return false
  return new Set(text).size >= 8 && entropyOf(text) >= (text.length < 20 ? 2.9 : 3.2) && turnsOf(text) >= 0.3
}

/** `Uint8Array`, `exports.id_pkcs9_at`, `x-aws-ec2-metadata-token`: what people name things, with a digit in a word or two. */
export function isNamed(text: string): boolean {
  const words = text.split(/[-_.]/)
  const isWordy = (word: string): boolean => /^[A-Za-z]*\d{0,2}[A-Za-z]*$/.test(word) && word.length <= 16
  if (words.length > 2 && words.every(isWordy)) return true
  return text.length < 16 && /^[A-Za-z][a-z]+\d{1,2}(?:[A-Z][a-z]*)*$/.test(text)
}

/** How often a text turns from one kind of letter to another, for each pair of neighbours: 0.6 in random text, 0.2 in `oauth2ClientId`. */
function turnsOf(text: string): number {
  let turns = 0
  let last = kindOf(text.charCodeAt(0))
  for (let i = 1; i < text.length; i += 1) {
    const kind = kindOf(text.charCodeAt(i))
    if (kind !== last) turns += 1
    last = kind
  }
  return turns / (text.length - 1)
}

function kindOf(code: number): number {
  if (code >= 48 && code <= 57) return 0
  if (code >= 97 && code <= 122) return 1
  return code >= 65 && code <= 90 ? 2 : 3
}

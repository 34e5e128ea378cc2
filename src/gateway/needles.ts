import { SHORTEST_SECRET_BYTES } from '../secret.ts'

/** The ways in which common programs write a text, besides as it is: those that leave it alone cost nothing. */
const SPELLINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  inJson,
  (text) => inJson(text).replaceAll('/', '\\/'),
  (text) => inJson(text).replace(/[<>&]/g, (one) => `\\u00${hexOf(one)}`),
  (text) =>
    inJson(text)
      .replaceAll('\\"', '\\u0022')
      .replace(/[<>&'+`]/g, (one) => `\\u00${hexOf(one).toUpperCase()}`),
  (text) => text.replace(/[&<>]/g, (one) => HTML[one] ?? one),
  (text) => text.replace(/[&<>"']/g, (one) => HTML[one] ?? one),
  encodeURIComponent,
  (text) => encodeURIComponent(text).replace(/[!'()*~]/g, percent),
  (text) => encodeURIComponent(text).replace(/%../g, (one) => one.toLowerCase()),
  (text) => new URLSearchParams({ '': text }).toString().slice(1),
  (text) => Buffer.from(text).toString('hex'),
  (text) => Buffer.from(text).toString('hex').toUpperCase(),
]

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Every byte sequence that gives one of the secrets away: each secret in each spelling, and in base64 at each alignment. */
export function needlesOf(secrets: readonly string[]): readonly Buffer[] {
  const found = new Set<string>()
  for (const secret of secrets) {
    if (Buffer.byteLength(secret) < SHORTEST_SECRET_BYTES) continue
    for (const spell of SPELLINGS) found.add(spell(secret.toWellFormed()))
    for (const text of base64Of(Buffer.from(secret))) {
      found.add(text).add(encodeURIComponent(text)).add(text.replaceAll('/', '\\/'))
      found.add(text.replaceAll('+', '-').replaceAll('/', '_'))
    }
  }
  return [...found].map((text) => Buffer.from(text))
}

/**
 * The characters that depend on the secret alone, at each of the three places it can start at in a larger text, and also up to
 * the end of the text. A character that it shares with its neighbour stays, and tells at most 4 bits.
 */
function base64Of(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    const first = Math.ceil((shift * 8) / 6)
    const whole = Math.floor(((shift + bytes.length) * 8) / 6)
    return [text.slice(first, whole), text.slice(first)]
  })
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

function percent(character: string): string {
  return `%${hexOf(character).toUpperCase()}`
}

function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(2, '0')
}

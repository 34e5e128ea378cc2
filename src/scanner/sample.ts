/**
 * Text that looks random and is the same each time, for the samples of rules: so no file of ours holds what looks like a secret. `seed`
 * tells apart what must differ.
 */
export function fake(alphabet: string, length: number, seed = 1): string {
  let state = (seed * 2_654_435_761 + length * 40_503 + alphabet.length) >>> 0
  let text = ''
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 3_266_489_917) >>> 0
    text += alphabet[(state >>> 8) % alphabet.length]
  }
  return text
}

const DIGITS = '0123456789'
const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const UPPER = LOWER.toUpperCase()

export const digits = (length: number, seed?: number): string => fake(DIGITS, length, seed)
export const hex = (length: number, seed?: number): string => fake(`${DIGITS}abcdef`, length, seed)
export const lower = (length: number, seed?: number): string => fake(LOWER + DIGITS, length, seed)
export const upper = (length: number, seed?: number): string => fake(UPPER + DIGITS, length, seed)
export const base32 = (length: number, seed?: number): string => fake(`${UPPER}234567`, length, seed)
export const alnum = (length: number, seed?: number): string => fake(DIGITS + UPPER + LOWER, length, seed)
export const base64 = (length: number, seed?: number): string => fake(`${DIGITS}${UPPER}${LOWER}+/`, length, seed)
export const base64url = (length: number, seed?: number): string => fake(`${DIGITS}${UPPER}${LOWER}_-`, length, seed)
/** A UUID of version 4 (RFC 9562, section 5.4). */
export const uuid = (seed?: number): string =>
  [hex(8, seed), hex(4, seed), `4${hex(3, seed)}`, `a${hex(3, seed)}`, hex(12, seed)].join('-')

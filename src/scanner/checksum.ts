const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** A whole number in base 62 with digits before letters and capitals before small ones, filled up with `0` to `width`. */
export function base62(value: number, width: number): string {
  let text = ''
  for (let rest = value; rest > 0; rest = Math.floor(rest / 62)) text = BASE62[rest % 62] + text
  return text.padStart(width, '0')
}

const BECH32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]

/** The six characters that check `data` under the name `prefix` in Bech32 (BIP-173, "Checksum"). All in small letters. */
export function bech32Sum(prefix: string, data: string): string {
  const codes = [...prefix].map((letter) => letter.charCodeAt(0))
  const values = [
    ...codes.map((code) => code >> 5),
    0,
    ...codes.map((code) => code & 31),
    ...[...data].map((one) => BECH32.indexOf(one)),
  ]
  let sum = 1
  for (const value of [...values, 0, 0, 0, 0, 0, 0]) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    GENERATORS.forEach((generator, bit) => {
      if ((top >> bit) & 1) sum ^= generator
    })
  }
  return Array.from({ length: 6 }, (_, i) => BECH32[((sum ^ 1) >>> (5 * (5 - i))) & 31]).join('')
}

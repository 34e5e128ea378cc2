/** Shannon entropy of a text, in bits for each character. */
export function entropyOf(text: string): number {
  const counts = new Map<string, number>()
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length)
  return bits
}

const STAND_IN = new RegExp(
  [
    'x{6}|\\*{4}|\\.{4}|0{8}|1{8}|-{6}|_{6}', // drawn out
    'example|sample|dummy|placeholder|changeme|change[_-]me|redacted|masked|(?<![0-9a-z])your|your[_-]|<[a-z]|insert[_-]|replace[_-]?(?:me|with)|foobar|lorem',
    '(?:0?123456789|abcdefgh|qwertyui|deadbeef(?:deadbeef|cafe))',
    '^\\$|\\$\\{|\\$\\(|\\{\\{|%[({]|#\\{|<%', // filled in later
  ].join('|'),
  'i',
)

/** True for what stands where a secret will: `ghp_xxxxxxxx`, `your-api-key`, `${TOKEN}`. */
export function isStandIn(text: string): boolean {
  return STAND_IN.test(text) || new Set(text).size < Math.min(5, text.length / 2)
}

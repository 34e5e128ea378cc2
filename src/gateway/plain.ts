/** Quick looks at what nearly every request has, since each request pays for them; a regular expression takes several times as long. */

const LETTER = 1
const DIGIT = 2
const HYPHEN = 4
const PATH = 8

const kinds = new Uint8Array(128)
mark('abcdefghijklmnopqrstuvwxyz', LETTER | PATH)
mark('0123456789', DIGIT | PATH)
mark('-', HYPHEN | PATH)
mark("ABCDEFGHIJKLMNOPQRSTUVWXYZ_~!$&'()*+,=:@.", PATH)

const SLASH = 47
const DOT = 46

/** True for a path that is in canonical form already: no empty segment, none that starts with a dot, nothing escaped or to escape. */
export function isPlainPath(path: string): boolean {
  let before = 0
  for (let i = 0; i < path.length; i += 1) {
    const code = path.charCodeAt(i)
    const afterSlash = before === SLASH
    if (code === SLASH ? afterSlash : !hasKind(code, PATH) || (code === DOT && afterSlash)) return false
    before = code
  }
  return path.charCodeAt(0) === SLASH
}

/** True for a canonical name of at most 63 characters of letters, digits, dots and single hyphens whose last label starts with a letter. */
export function isPlainHost(host: string): boolean {
  if (host.length > 63) return false
  let before = DOT
  let lastLabel = 0
  for (let i = 0; i < host.length; i += 1) {
    const code = host.charCodeAt(i)
    const isInside = hasKind(before, LETTER | DIGIT)
    if (code === DOT) lastLabel = i + 1
    if (code === DOT || hasKind(code, HYPHEN) ? !isInside : !hasKind(code, LETTER | DIGIT)) return false
    before = code
  }
  return hasKind(before, LETTER | DIGIT) && hasKind(host.charCodeAt(lastLabel), LETTER)
}

function hasKind(code: number, kind: number): boolean {
  return ((kinds[code] ?? 0) & kind) !== 0
}

function mark(characters: string, kind: number): void {
  for (const character of characters) kinds[character.charCodeAt(0)] = kind
}

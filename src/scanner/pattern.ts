/** Nothing of a word before it; an escape sequence (`\n`) or a percent-encoded byte is none. */
const LEFT = String.raw`(?:(?<![0-9A-Za-z])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2}))`
const RIGHT = '(?![0-9A-Za-z])'
/** After what may itself have `_` and `-` in it. */
const RIGHT_OF_BASE64URL = '(?![0-9A-Za-z_-])'

/** A pattern that begins where a word does. */
export function atWord(pattern: RegExp): RegExp {
  return new RegExp(LEFT + pattern.source)
}

/** A token that is known by its own look: `token('ghp_[0-9A-Za-z]{36}')`. `body` is a source of RegExp without groups that capture. */
export function token(body: string): RegExp {
  return new RegExp(`${LEFT}(?<secret>${body})${endOf(body)}`)
}

/** A value that is known by the text right before it: `following('userPWD="', '[0-9A-Za-z]{60}')`. `lead` is a source of RegExp. */
export function following(lead: string, body: string): RegExp {
  return new RegExp(`${LEFT}${lead}(?<secret>${body})${endOf(body)}`)
}

/** Between a name and its value: quotes, also escaped ones, and a sign of assignment, of a default, of an argument or of an element. */
const SIGN = String.raw`['"\x60\\\])]{0,4}[ \t]{0,4}(?:=>|[:?+]?={1,3}|:|,|\(|\|{1,2}|\?\?|>|[ \t])[ \t]{0,4}`
/** The name and the value each under a name of its own: `- name: TOKEN`, and in the next line `value: …`. */
const VALUE = String.raw`\\{0,2}['"]?[,;]?\s{0,40}\\{0,2}['"]?value\\{0,2}['"]?[ \t]{0,4}[:=][ \t]{0,4}`

/**
 * A value that is known only by the name it is given: `beside('datadog|dd', '[0-9a-f]{32}')` finds `DD_API_KEY=…`, `"datadog-key": "…"`,
 * `new Datadog("…")`, `--dd-token …`. `names` is matched in whatever case.
 */
export function beside(names: string, body: string): RegExp {
  const name = `(?:(?<![A-Za-z])|(?<=\\\\[nrtbf]))(?i:${names})[\\w .-]{0,30}`
  return new RegExp(`${name}(?:${SIGN}|${VALUE})['"\`\\\\[({]{0,4}(?<secret>${body})${endOf(body)}`)
}

/**
 * A value that many things look like, known by the name of its vendor and a word for credentials after it, also where they stand over
 * lines: `DATADOG_API_KEY=…`, `datadog: { apiKey: "…" }`.
 */
export function credentialOf(names: string, body: string): RegExp {
  return beside(`(?:${names})[\\w\\s.:={('"-]{0,24}?(?:key|token|secret|passw|pwd|auth|credential|pat)`, body)
}

/** Nothing after it that it could go on with: base 64 and base64url end where their alphabets do. */
function endOf(body: string): string {
  if (/\+\/\][^\]]*$/.test(body)) return '(?![0-9A-Za-z+/=])'
  return /_-\][^\]]*$/.test(body) ? RIGHT_OF_BASE64URL : RIGHT
}

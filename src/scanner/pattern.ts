/** Nothing of a word before it; an escape sequence (`\n`) or a percent-encoded byte is none. */
const LEFT = String.raw`(?:(?<![0-9A-Za-z])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2}))`
const RIGHT = '(?![0-9A-Za-z])'
/** After what may itself have `_` and `-` in it. */
const RIGHT_OF_BASE64URL = '(?![0-9A-Za-z_-])'

/** A token that is known by its own look: `token('ghp_[0-9A-Za-z]{36}')`. `body` is a source of RegExp without groups that capture. */
export function token(body: string): RegExp {
  return new RegExp(`${LEFT}(?<secret>${body})${endOf(body)}`)
}

/**
 * A value that is known only by the name it is given: `beside('datadog|dd', '[0-9a-f]{32}')` finds `DD_API_KEY=…`, `"datadog-key": "…"`,
 * `new Datadog("…")`, `--dd-token …`. `names` is matched in whatever case.
 */
export function beside(names: string, body: string): RegExp {
  const name = `(?<![A-Za-z])(?i:${names})[\\w .-]{0,30}`
  const sign = '[\'"`\\])]{0,3}[ \\t]{0,4}(?:=>|:=|=|:|,|\\(|\\||>|[ \\t])[ \\t]{0,4}'
  return new RegExp(`${name}${sign}['"\`\\[({]{0,3}(?<secret>${body})${endOf(body)}`)
}

function endOf(body: string): string {
  return /_-\][^\]]*$/.test(body) ? RIGHT_OF_BASE64URL : RIGHT
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }

/** The text without the entities of HTML (HTML Standard, section 13.5) that are escapes of what people typed. */
export function unescapeHtml(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:(amp|lt|gt|quot|apos|nbsp)|#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6}));/g, (whole, name, decimal, hex) => {
    if (name !== undefined) return NAMED[name] ?? whole
    const point = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}

/**
 * What was typed in Slack (docs.slack.dev, "Formatting message text"): `<url|text>` is the text where Slack made the link of it, else both;
 * `&amp;`, `&lt;` and `&gt;` are the only escapes.
 */
export function unescapeSlack(text: string): string {
  const typed = text.replace(/<([a-z][a-z0-9+.-]{0,20}:[^<>|\n]*)(?:\|([^<>\n]*))?>/gi, (_, url: string, label?: string) => {
    if (label === undefined) return url
    return url.replace(/^(?:https?:\/\/|mailto:|tel:)/i, '') === label ? label : `${url} ${label}`
  })
  return typed.replace(/&(amp|lt|gt);/g, (_, name: string) => NAMED[name] ?? '')
}

const LONGEST = 200

/** A sentence for people, short enough for any place that it is shown in. */
export function shorten(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text
}

/** Columns that line up, under a heading; `empty` where there are no rows. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[], empty: string): string {
  if (rows.length === 0) return empty
  const all = [heading, ...rows]
  const widths = heading.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** `name  value` lines. */
export function facts(pairs: readonly (readonly [name: string, value: string | undefined])[]): string {
  const known = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined)
  const width = Math.max(...known.map(([name]) => name.length))
  return known.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}

/** `in 14 min`, `2 h ago`: a time in epoch milliseconds, seen from `now`. */
export function fromNow(at: number, now: number): string {
  const seconds = Math.round(Math.abs(at - now) / 1000)
  const [size, unit] = UNITS.find(([size]) => seconds >= size) ?? [1, 's']
  const amount = `${Math.floor(seconds / size)} ${unit}`
  return at > now ? `in ${amount}` : `${amount} ago`
}

const UNITS: readonly (readonly [number, string])[] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
]

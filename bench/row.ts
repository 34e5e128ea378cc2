/** One line of `npm run bench`. `bar` is the bar in words; `holds` whether the value meets it in this run. */
export interface Row {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly bar: string
  readonly holds: boolean
}

/** A bench file exports one `bench`. */
export type Bench = () => Promise<readonly Row[]>

/** The value below which `share` (0 to 1) of the sorted samples lie. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** The rows as a table for people. */
export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map((row) => [row.name, `${show(row.value)} ${row.unit}`, row.bar, row.holds ? 'holds' : 'MISSED'])
  const all = [['what', 'measured', 'bar', ''], ...cells]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((line) => line[column]?.length ?? 0)))
  return all
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function show(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : String(Math.round(value * 100) / 100)
}

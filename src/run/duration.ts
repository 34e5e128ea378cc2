import { StintError } from '../errors.ts'

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** A duration such as `90s`, `15m`, `1h30m` or `2d`, in seconds. Throws `invalid_argument` for anything else. */
export function parseDuration(text: string, argument: string): number {
  if (!/^(\d{1,9}[smhd])+$/.test(text)) refuse(text, argument)
  let seconds = 0
  for (const [, count, unit] of text.matchAll(/(\d+)([smhd])/g)) seconds += Number(count) * SECONDS[unit as keyof typeof SECONDS]
  if (seconds < 1 || seconds > 31_536_000) refuse(text, argument)
  return seconds
}

function refuse(text: string, argument: string): never {
  throw new StintError(
    'invalid_argument',
    `${argument} takes a duration from 1s to 365d, such as 90s, 15m or 1h30m; it was ${JSON.stringify(text)}`,
  )
}

import { AuditError } from './audit/error.ts'
import { StintError } from './errors.ts'

/**
 * What the log throws, by the catalogue: it speaks of itself with its own error, whose codes are all in the catalogue. Anything else is
 * answered as it is. `detail` is for callers who may not see the log's own words, which then go to the operator.
 */
export function catalogued(thrown: unknown, detail?: string): unknown {
  if (!(thrown instanceof AuditError)) return thrown
  const { code, message } = thrown
  if (detail === undefined) return new StintError(code, message, { cause: thrown })
  return new StintError(code, detail, { operatorDetail: message, cause: thrown })
}

/** Every code of a failure of the log. */
export const AUDIT_ERROR_CODES = ['audit_unavailable', 'audit_tampered', 'invalid_argument', 'not_found'] as const
export type AuditErrorCode = (typeof AUDIT_ERROR_CODES)[number]

/**
 * A failure of the log: `audit_unavailable` (it cannot be written now), `audit_tampered` (something else changed it; `place` says
 * where), or a question it cannot answer. The codes are those of the rest of Stint.
 */
export class AuditError extends Error {
  readonly code: AuditErrorCode
  readonly place: string | undefined
  /** The message without the place. */
  readonly reason: string

  constructor(code: AuditErrorCode, reason: string, more: { place?: string | undefined; cause?: unknown } = {}) {
    super(
      more.place === undefined ? reason : `${more.place}: ${reason}`,
      more.cause === undefined ? undefined : { cause: more.cause },
    )
    this.name = 'AuditError'
    this.code = code
    this.place = more.place
    this.reason = reason
  }
}

/** `audit_tampered`, with the place. */
export function tampered(place: string, reason: string): AuditError {
  return new AuditError('audit_tampered', reason, { place })
}

/**
 * Every error code, in one table: its HTTP status, a title for people, and what to do next. docs/reference/errors.md is
 * generated from it. A code is forever; its words may improve.
 */
export const CATALOGUE = {
  malformed_request: [400, 'The request is malformed', 'Send one well-formed request; the detail says what was refused.'],
  invalid_argument: [400, 'An argument is not valid', 'The detail names the argument and what it takes.'],
  invalid_config: [
    400,
    'The configuration is not valid',
    'Correct or remove the key the detail names; `stint doctor` lists every key.',
  ],
  unauthenticated: [
    401,
    'The caller is not proved',
    'Present a proof: run through `stint run`, or send a DPoP-bound task token.',
  ],
  invalid_token: [401, 'The token is not valid', 'Ask for a new token; the detail says which check failed.'],
  token_replayed: [
    401,
    'The token was used before',
    'Ask for a new token: each one starts one task. If you did not use it, someone else did.',
  ],
  proof_replayed: [401, 'The DPoP proof was used before', 'Make a fresh proof, with a new jti, for every request.'],
  signature_invalid: [
    401,
    'The webhook’s signature does not hold',
    'Sign id, timestamp and body with the webhook’s own secret, within five minutes: docs/approvals.md.',
  ],
  issuer_unknown: [401, 'No configured issuer vouches for this token', 'Add the issuer with `stint issuer add`.'],
  issuer_unavailable: [
    503,
    'The issuer’s keys cannot be fetched',
    'Try again; the issuer’s discovery or key endpoint did not answer.',
  ],
  not_operator: [403, 'Only an operator may do this', 'Run it as the owner of the data directory, outside any task.'],
  inside_task: [403, 'Operator acts are refused from inside a task', 'Run the command in a terminal that no task started.'],
  task_not_live: [403, 'The task is not live', 'Start a new task; this one ended, expired or was revoked.'],
  scope_exceeded: [
    403,
    'The scope is wider than what may be granted',
    'Ask for a narrower scope; the detail names what exceeds it.',
  ],
  target_unknown: [
    403,
    'No target declares this host',
    'Declare it with `stint target add`, or allow a tunnel with `stint tunnel add`.',
  ],
  unknown_action: [403, 'The connector does not know this action', 'Unknown is denied. Use a documented endpoint of the target.'],
  denied: [403, 'Policy denies this', 'The reasons say which policy decided; `stint policy explain <entry>` shows how.'],
  needs_approval: [
    403,
    'This needs approval by a human',
    'Send exactly the same again when they have said yes: `stint approvals list` has the question.',
  ],
  budget_exceeded: [
    403,
    'A budget of the task is used up, and it is paused',
    'Its owner is asked to raise it: `stint approvals list` has the question, and `stint task budget TASK --raise` needs none. Then send it again.',
  ],
  not_approver: [403, 'This person is not asked', 'Somebody else must answer: `stint approvals show` says who.'],
  signing_refused: [
    403,
    'The SSH agent does not sign this',
    'It signs logins of this task to declared hosts, in sessions that go through Stint, with OpenSSH 8.9 or later; nothing else.',
  ],
  tool_changed: [
    403,
    'The tool is not the one that was approved',
    'An operator looks at what its server says of it now, and takes it: `stint mcp pin TARGET`.',
  ],
  sealed: [
    403,
    'The credential is sealed for emergencies',
    'Only an opening uses it: an operator asks with `stint break-glass open`, and the people it names say yes.',
  ],
  revoked: [403, 'It has been revoked', 'A revocation covers it; `stint revoke list` shows which and why.'],
  address_refused: [
    403,
    'The address is not one this target may live at',
    'Private, loopback, link-local and metadata addresses need `--private-network` on the target.',
  ],
  host_not_in_lease: [403, 'The credential is not for this host', 'The lease names its hosts; nothing is sent elsewhere.'],
  not_found: [
    404,
    'There is no such thing',
    'Check the name: each kind of thing has a `list` command, such as `stint target list`.',
  ],
  conflict: [409, 'It conflicts with what exists', 'The detail says what is in the way.'],
  idempotency_mismatch: [422, 'This Idempotency-Key was used for another request', 'Use a new key for a different request.'],
  body_too_large: [
    413,
    'The part of the body that must be read is too large',
    'Split the operation; for git, push fewer refs at once.',
  ],
  rate_limited: [429, 'Too many requests', 'Wait as long as Retry-After says.'],
  internal: [500, 'Stint failed', 'Nothing was forwarded. The operator’s log has the correlation id.'],
  upstream_failed: [502, 'The target could not be reached', 'The detail says at which step; `stint doctor --target` tests it.'],
  audit_unavailable: [
    503,
    'The decision cannot be recorded',
    'What cannot be recorded is refused. It recovers by itself when the log can be written.',
  ],
  audit_tampered: [
    500,
    'The audit log does not verify',
    'Something other than Stint changed it. Keep the directory and compare with an earlier checkpoint.',
  ],
  cut_off: [
    503,
    'This gateway cannot hear about revocations',
    'It refuses everything until it hears from the shared database again; another gateway may serve.',
  ],
  store_unavailable: [503, 'The state cannot be read or written', 'The detail says why; nothing was changed.'],
  secret_too_short: [
    400,
    'The secret is too short',
    'Have a longer one made where it is issued: what is shorter could not be told from ordinary text and scrubbed from answers.',
  ],
  vault_key_wrong: [
    500,
    'The vault’s key is not the one that sealed it',
    'Nothing was changed. Give Stint the key that the credentials were sealed under: the settings that begin with `vault` say where it is.',
  ],
  key_unavailable: [
    503,
    'The vault’s key cannot be had now',
    'Nothing was changed. The detail says why; the settings that begin with `vault` say where the key is.',
  ],
  credential_missing: [503, 'The target has no usable credential', 'Add it with `stint credential add`.'],
  mint_refused: [
    502,
    'The provider refuses to make this credential',
    'The detail says why; `stint doctor --target` tries what the standing credential may do.',
  ],
  backup_invalid: [
    400,
    'The backup cannot be restored',
    'Nothing was changed. Give the identity or passphrase it was made for, and the whole file; another backup may be whole.',
  ],
  stopping: [503, 'Stint is shutting down', 'Try again when it has restarted.'],
  upstream_timeout: [504, 'The target did not answer in time', 'Try again; `stint doctor --target` tests it.'],
  already_running: [
    409,
    'Stint already runs on this data directory',
    'Use the running one, stop it, or set STINT_HOME to another directory.',
  ],
  not_running: [503, 'Stint is not running', 'Start it with `stint start` (or `npm start`).'],
  state_unsafe: [500, 'The data directory is not safe to use', 'The detail names the file and the mode it must have.'],
  policy_invalid: [400, 'The policy set is not valid', 'The detail has the place; the previous set keeps serving.'],
  sandbox_unavailable: [
    500,
    'No sandbox can be made here',
    'Install bubblewrap, or choose `--sandbox off` and read what is then not protected.',
  ],
} as const satisfies Record<string, readonly [status: number, title: string, next: string]>

export type ErrorCode = keyof typeof CATALOGUE

/**
 * A failure with a stable code. `detail` is what the caller may see; `operatorDetail` and `cause` go to the operator's log only.
 * A denial by policy is a Decision, not an error.
 */
export class StintError extends Error {
  readonly code: ErrorCode
  readonly detail: string
  readonly operatorDetail: string | undefined

  constructor(code: ErrorCode, detail: string, more: { operatorDetail?: string; cause?: unknown } = {}) {
    super(`${code}: ${detail}`, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'StintError'
    this.code = code
    this.detail = detail
    this.operatorDetail = more.operatorDetail
  }

  get status(): number {
    return CATALOGUE[this.code][0]
  }
}

/** The RFC 9457 problem document of a code: what a caller sees, on every entrance. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail: string
  readonly next: string
  readonly correlationId?: string
  readonly reasons?: readonly string[]
}

/** Makes the problem document (RFC 9457, section 3.1) for a code. */
export function problem(
  code: ErrorCode,
  detail: string,
  more: { correlationId?: string; reasons?: readonly string[] } = {},
): Problem {
  const [status, title, next] = CATALOGUE[code]
  return { type: `urn:stint:error:${code}`, title, status, code, detail, next, ...more }
}

/** Any thrown value as a StintError; what is not ours becomes `internal`, its text kept for the operator only. */
export function asStintError(thrown: unknown): StintError {
  if (thrown instanceof StintError) return thrown
  const operatorDetail = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
  return new StintError('internal', 'Stint failed; nothing was forwarded', { operatorDetail, cause: thrown })
}

/** For a `catch`: what is not there is undefined, and every other failure goes on. */
export function undefinedWhereMissing(thrown: unknown): undefined {
  if (thrown instanceof StintError && thrown.code === 'not_found') return undefined
  throw thrown
}

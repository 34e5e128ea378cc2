/** `wait=10` among the preferences of one header field; a quoted value is one too (RFC 7240, sections 2 and 4.3). */
const WAIT = /^wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?$/i

type Headers = Readonly<Record<string, string>>

/** How many seconds the client would rather wait than be answered at once; 0 when it does not say. Attacker-controlled. */
export function readWait({ prefer = '' }: Headers): number {
  const [, seconds = '0'] =
    preferences(prefer)
      .map((one) => WAIT.exec(one))
      .find((found) => found !== null) ?? []
  return Number(seconds)
}

/** The headers without that preference, which is for Stint: whether a client waits does not change what it asks for. */
export function withoutWait(headers: Headers): Headers {
  const { prefer, ...others } = headers
  if (prefer === undefined || readWait(headers) === 0) return headers
  const rest = preferences(prefer).filter((one) => !WAIT.test(one))
  return rest.length === 0 ? others : { ...others, prefer: rest.join(', ') }
}

function preferences(prefer: string): string[] {
  return prefer.split(',').map((one) => one.trim())
}

import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { asStintError } from '../../errors.ts'
import type { Secret } from '../../secret.ts'
import type { Finding } from '../finding.ts'
import { RULES } from '../rules/index.ts'
import { type Ask, CHECKS, type Check } from './checks.ts'

/** Whether a secret still opens something, as its provider says, and why we think so. */
export interface Verdict {
  readonly is: 'live' | 'dead' | 'unknown'
  readonly why: string
}

/** A request on its way out, through the only door. Rejects when it cannot be made. */
export type Send = (ask: Ask) => Promise<{ readonly status: number; readonly body: Uint8Array }>

export interface VerifyOptions {
  readonly send: Send
  /** The secret of each fingerprint. */
  secret(fingerprint: string): Secret | undefined
  /** Called after each. */
  onProgress?(done: number, all: number): void
  /** Between two requests to one host; 250 unless given. */
  readonly pauseMs?: number
}

const PAUSE_MS = 250
/** Why there is no verdict where the value was not kept. */
export const NOT_ASKED = 'it was not asked about: there are more secrets than are kept for that'
const KEYWORDS = new Map(Object.values(RULES).flatMap((rules) => rules.map(({ id, keywords }) => [id, keywords] as const)))

/**
 * Asks the providers of these findings. "Live" is said only where the same question about a value of the same shape, made up on the spot,
 * was refused: a question that lets anything pass says nothing. Nothing is asked twice, and no host faster than `pauseMs` allows.
 */
export async function verify(findings: readonly Finding[], options: VerifyOptions): Promise<ReadonlyMap<string, Verdict>> {
  const { secret, onProgress, pauseMs = PAUSE_MS } = options
  const verdicts = new Map<string, Verdict>()
  const controls = new Map<string, Promise<string | undefined>>()
  const send = paced(options.send, pauseMs)
  for (const { fingerprint, rule } of findings) {
    verdicts.set(fingerprint, await verdictOn(rule, secret(fingerprint)))
    onProgress?.(verdicts.size, findings.length)
  }
  return verdicts

  async function verdictOn(rule: string, found: Secret | undefined): Promise<Verdict> {
    const check = Object.hasOwn(CHECKS, rule) ? CHECKS[rule] : undefined
    if (check === undefined) return { is: 'unknown', why: 'no question is known that would tell' }
    if (found === undefined) return { is: 'unknown', why: NOT_ASKED }
    const value = found.reveal()
    const control = controls.get(rule) ?? tryControl(check, alike(value, KEYWORDS.get(rule) ?? []))
    controls.set(rule, control)
    const why = await control
    if (why !== undefined) return { is: 'unknown', why }
    const { hostname } = new URL(check.ask(value).url)
    const said = await putQuestion(check, value)
    if (typeof said === 'string') return { is: 'unknown', why: said }
    return said
      ? { is: 'live', why: `${hostname} takes it, and refused a made-up one` }
      : { is: 'dead', why: `${hostname} refuses it` }
  }

  /** Undefined where the made-up value was refused, else why nothing can be concluded. */
  async function tryControl(check: Check, value: string): Promise<string | undefined> {
    const said = await putQuestion(check, value)
    if (said === false) return undefined
    return said === true ? 'a made-up value was taken too, so that the answer tells nothing' : said
  }

  /** True for taken, false for refused, else what came instead. */
  async function putQuestion(check: Check, value: string): Promise<boolean | string> {
    try {
      const { status, body } = await send(check.ask(value))
      const inside = check.saysLive?.(Buffer.from(body).toString('utf8'))
      if (inside !== undefined) return inside
      if (check.live.includes(status)) return true
      return check.dead.includes(status) ? false : `it answered ${status}`
    } catch (thrown) {
      return asStintError(thrown).detail
    }
  }
}

/** A host is asked one thing at a time, and then not for a while. */
function paced(send: Send, pauseMs: number): Send {
  const last = new Map<string, Promise<unknown>>()
  return (ask) => {
    const { host } = new URL(ask.url)
    const before = last.get(host) ?? Promise.resolve()
    const answer = before.then(() => send(ask))
    last.set(
      host,
      answer.then(
        () => sleep(pauseMs),
        () => sleep(pauseMs),
      ),
    )
    return answer
  }
}

/** A value of the same shape that nobody has: digits for digits and letters for letters, behind the keyword that it begins with. */
export function alike(secret: string, keywords: readonly string[]): string {
  const begin = secret.toLowerCase()
  const kept = Math.max(0, ...keywords.filter((keyword) => begin.startsWith(keyword)).map(({ length }) => length))
  return secret.slice(0, kept) + secret.slice(kept).replace(/[A-Za-z0-9]/g, another)
}

function another(letter: string): string {
  const alphabet = /\d/.test(letter)
    ? '0123456789'
    : /[a-f]/.test(letter)
      ? 'abcdef'
      : /[a-z]/.test(letter)
        ? 'ghijklmnopqrstuvwxyz'
        : 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
  return alphabet[randomInt(alphabet.length)] ?? letter
}

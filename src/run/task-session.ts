import { asStintError, StintError } from '../errors.ts'
import type { ProofKind, Task, TaskWish } from '../model.ts'

/** The runner's key for this one task. The private part never leaves this process. */
export interface ProofKey {
  readonly thumbprint: string
  /** A fresh DPoP proof (RFC 9449, section 4) with `token` bound in. */
  prove(request: { method: string; url: string; token: string }): Promise<string>
}

/** One API call over the operator socket. Throws StintError. */
export type Call = <T>(method: 'GET' | 'POST' | 'DELETE' | 'PUT', path: string, body?: unknown) => Promise<T>

/** What to ask for; the session says who it is for. An absent `ttlSeconds` takes the installation's default. */
export type SessionWish = Omit<TaskWish, 'supervised' | 'proof' | 'keyThumbprint'>

/** A live task of this runner. */
export interface TaskSession {
  readonly task: Task
  /** `host:port` of the gateway. */
  readonly gateway: string
  readonly key: ProofKey
  token(): string
  /** Asks for a new token now. Throws StintError. */
  renew(): Promise<void>
  /** Stops renewing and ends the task. Throws StintError when Stint cannot be told. */
  end(reason: string): Promise<void>
}

interface IssuedToken {
  readonly token: string
  /** Epoch milliseconds. */
  readonly tokenExpiresAt: number
}

/** Starts a supervised task bound to `key`, and keeps its token fresh until `end`. Throws StintError. */
export async function startSession(call: Call, wish: SessionWish, proof: ProofKind, key: ProofKey): Promise<TaskSession> {
  const body = { ...wish, supervised: true, proof, keyThumbprint: key.thumbprint }
  const { task, gateway, ...first } = await call<{ task: Task; gateway: string } & IssuedToken>('POST', '/v1/tasks', body)
  const path = `/v1/tasks/${encodeURIComponent(task.id)}`
  let current: IssuedToken = first
  let timer: NodeJS.Timeout | undefined
  let ended = false
  schedule()
  return { task, gateway, key, token: () => current.token, renew, end }

  async function renew(): Promise<void> {
    current = await call<IssuedToken>('POST', `${path}/token`)
    schedule()
  }

  function schedule(delayMs = Math.max(1000, ((current.tokenExpiresAt - Date.now()) * 2) / 3)): void {
    clearTimeout(timer)
    if (ended) return
    timer = setTimeout(() => void renew().catch(retry), Math.min(delayMs, 2 ** 31 - 1))
    timer.unref()
  }

  /** A task that is over needs no token; anything else may be a restart. */
  function retry(thrown: unknown): void {
    const { code } = asStintError(thrown)
    if (code !== 'task_not_live' && code !== 'not_found' && code !== 'revoked') schedule(1000)
  }

  async function end(reason: string): Promise<void> {
    ended = true
    clearTimeout(timer)
    try {
      await call('POST', `${path}/end`, { reason })
    } catch (thrown) {
      if (thrown instanceof StintError && thrown.code === 'task_not_live') return
      throw thrown
    }
  }
}

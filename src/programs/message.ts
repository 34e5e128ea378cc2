import { idOf, isMembers, type Members } from '../members.ts'

/** What is needed of a JSON-RPC message to know where it goes. Attacker-controlled; the gateway reads it whole, and decides. */
export interface Routed {
  readonly kind: 'request' | 'notification' | 'answer'
  readonly id: string | number | undefined
  readonly method: string
  /** Whose progress it tells of, or which subscription it belongs to (MCP 2026-07-28, "Subscriptions"). */
  readonly about: string | number | undefined
  readonly isError: boolean
}

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'

/** Undefined for what is no message of JSON-RPC 2.0. */
export function readRouted(text: string): Routed | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isMembers(value) || value.jsonrpc !== '2.0') return undefined
  const id = idOf(value.id)
  const isError = value.error !== undefined
  if (typeof value.method !== 'string')
    return id === undefined ? undefined : { kind: 'answer', id, method: '', about: id, isError }
  const params = isMembers(value.params) ? value.params : {}
  const kind = id === undefined ? 'notification' : 'request'
  return { kind, id, method: value.method, about: aboutOf(value.method, params), isError }
}

/** The progress token that a request asks to be told under. */
export function progressTokenIn(text: string): string | number | undefined {
  const { params }: { params?: unknown } = JSON.parse(text)
  const meta = isMembers(params) ? params._meta : undefined
  return isMembers(meta) ? idOf(meta.progressToken) : undefined
}

function aboutOf(method: string, params: Members): string | number | undefined {
  if (method === 'notifications/progress') return idOf(params.progressToken)
  return isMembers(params._meta) ? idOf(params._meta[SUBSCRIPTION]) : undefined
}

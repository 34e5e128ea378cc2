import { createHash } from 'node:crypto'
import type { Undo } from './connector.ts'
import { isRefName } from './protocols/git.ts'
import { readReport } from './protocols/git-results.ts'

/** A request that undoes. `path` has no query. */
export interface UndoRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** What became of it. */
export interface UndoAnswer {
  readonly status: number
  readonly body: Uint8Array
}

/** Longest text that the log keeps whole, in UTF-16 code units (src/audit/entry.ts). */
const MAX_TEXT = 256
const OBJECT_ID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const PATH = /^\/[\x21-\x7e]*$/
const ZERO = /^0+$/

/** As flat facts for the log; undefined where one of them is too long to be kept whole. */
export function spellUndo(undo: Undo): Readonly<Record<string, string>> | undefined {
  const facts = Object.entries(undo)
  return facts.every(([, value]) => value.length <= MAX_TEXT) ? Object.fromEntries(facts) : undefined
}

/** Reads facts of the log again, strictly; undefined for what `spellUndo` does not write. */
export function readUndo({ is, path = '', ref, from, to, method, body }: Readonly<Record<string, string>>): Undo | undefined {
  if (!PATH.test(path) || /[?#]/.test(path)) return undefined
  if (is === 'ref' && ref !== undefined && from !== undefined && to !== undefined) {
    const isOne = isRefName(ref) && OBJECT_ID.test(from) && OBJECT_ID.test(to) && from.length === to.length
    return isOne && from !== to ? { is, path, ref, from, to } : undefined
  }
  if (is !== 'call' || (method !== 'PUT' && method !== 'PATCH' && method !== 'DELETE')) return undefined
  return { is, method, path, ...(body !== undefined && { body }) }
}

/** The request that undoes it. A ref is moved by a push whose first id is where the task left it: a server takes it from nowhere else. */
export function undoRequest(undo: Undo): UndoRequest {
  const headers = { 'user-agent': 'stint', accept: '*/*' }
  if (undo.is === 'ref') {
    const type = { 'content-type': 'application/x-git-receive-pack-request' }
    return { method: 'POST', path: `${undo.path}/git-receive-pack`, headers: { ...headers, ...type }, body: pushBack(undo) }
  }
  const { method, path, body } = undo
  if (body === undefined) return { method, path, headers }
  return { method, path, headers: { ...headers, 'content-type': 'application/json' }, body: Buffer.from(body) }
}

/** gitprotocol-pack, "Reference Update Request": one command, and an empty pack, since the server has had what it goes back to. */
function pushBack({ ref, from, to }: Undo & { is: 'ref' }): Buffer {
  const format = from.length === 64 ? 'sha256' : 'sha1'
  const capabilities = `report-status${format === 'sha256' ? ' object-format=sha256' : ''} agent=stint`
  const command = Buffer.from(`${to} ${from} ${ref}\0 ${capabilities}`)
  const length = (command.length + 4).toString(16).padStart(4, '0')
  const list = Buffer.concat([Buffer.from(length), command, Buffer.from('0000')])
  return ZERO.test(from) ? list : Buffer.concat([list, emptyPack(format)])
}

/** gitformat-pack: the signature, version 2, no objects, and the hash of that. */
function emptyPack(format: 'sha1' | 'sha256'): Buffer {
  const head = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1')
  return Buffer.concat([head, createHash(format).update(head).digest()])
}

/** Undefined when it was undone; else why it was not, in the target's words or Stint's. Attacker-controlled. */
export function whyNotUndone(undo: Undo, { status, body }: UndoAnswer): string | undefined {
  if (status < 200 || status > 299) return saidBy(body) ?? `the target answered ${status}`
  if (undo.is === 'call') return undefined
  const { done, refused } = readReport(body, false)
  if (done.has(undo.ref)) return undefined
  const why = refused.get(undo.ref)
  return why === undefined ? 'the server did not say that it moved the ref back' : `the ref was not moved back: ${why}`
}

/** The `detail` of a problem (RFC 9457), which refusals of Stint have. */
function saidBy(body: Uint8Array): string | undefined {
  try {
    const { detail } = JSON.parse(Buffer.from(body).toString('utf8')) as { detail?: unknown }
    return typeof detail === 'string' ? detail : undefined
  } catch {
    return undefined
  }
}

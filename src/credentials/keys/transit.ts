import { StintError } from '../../errors.ts'
import type { Secret } from '../../secret.ts'
import type { KeySource } from '../key-source.ts'
import type { HttpAnswer, HttpRequest } from '../minting.ts'
import { bound } from '../seal.ts'

/** A key of the transit engine, and how to reach it. */
export interface TransitKey {
  /** As its API has it: `https://openbao.example.com:8200/v1/transit/keys/stint`. */
  readonly url: string
  /** The token to ask with; asked for at each request, since an agent may renew it. */
  token(): Promise<Secret>
  exchange(request: HttpRequest): Promise<HttpAnswer>
}

/** The types of keys that take associated data; under any other a wrapped key could be moved to another record. */
const BINDING = ['aes128-gcm96', 'aes256-gcm96', 'chacha20-poly1305', 'xchacha20-poly1305']
/** Keys in one request. */
const BATCH = 500

/**
 * A key-encryption key that never leaves the transit engine of OpenBao or HashiCorp Vault (the API as OpenBao documents it, "Transit
 * secrets engine"). The token needs `read` on `keys/NAME`, `update` on `encrypt/NAME`, `decrypt/NAME` and `keys/NAME/rotate`. It is
 * checked that the key exists, since the engine would make a new one of a mistyped name.
 */
export function transitKeys({ url, token, exchange }: TransitKey): KeySource {
  const [, engine = '', name = ''] = /^(https?:\/\/[^/?#]+\/v1\/[^?#]+)\/keys\/([A-Za-z0-9][\w.-]*)$/.exec(url) ?? []
  if (engine === '')
    throw new StintError('invalid_config', 'vaultTransitKey is like https://openbao.example.com/v1/transit/keys/stint')
  return {
    what: `the transit key ${url}`,
    async open() {
      const { type, derived } = dataOf(await ask('GET', `keys/${name}`))
      if (!BINDING.includes(String(type)) || derived !== false)
        throw unavailable(`its key must be of one of the types ${BINDING.join(', ')}, and not derived`)
    },
    wrap: (keys) =>
      inBatches(keys, async (batch) => {
        const input = batch.map((one) => ({ plaintext: one.key.toString('base64'), associated_data: about(one) }))
        const results = await ask('POST', `encrypt/${name}`, { batch_input: input }).then((answer) =>
          resultsOf(answer, batch.length),
        )
        return results.map(({ ciphertext }) => {
          if (typeof ciphertext === 'string' && /^vault:v\d+:[A-Za-z0-9+/]+=*$/.test(ciphertext)) return ciphertext
          throw unavailable('it did not wrap a key')
        })
      }),
    unwrap: (keys) =>
      inBatches(keys, async (batch) => {
        const input = batch.map((one) => ({ ciphertext: one.wrapped, associated_data: about(one) }))
        const results = await ask('POST', `decrypt/${name}`, { batch_input: input }).then((answer) =>
          resultsOf(answer, batch.length),
        )
        return results.map(({ plaintext, error }) => {
          const key = Buffer.from(typeof plaintext === 'string' ? plaintext : '', 'base64')
          return key.length === 32 && (error ?? '') === '' ? key : undefined
        })
      }),
    renew: async () => void (await ask('POST', `keys/${name}/rotate`)),
    forget: async () => undefined, // its versions are the engine's own: `min_decryption_version` forgets the older ones
  }

  /** An answer that says what was asked for, or which items of a batch failed (400). Throws `key_unavailable`. */
  async function ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
    const headers = { 'x-vault-token': (await token()).reveal(), 'x-vault-request': 'true', 'content-type': 'application/json' }
    const request = { method, url: `${engine}/${path}`, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const { status, body: bytes } = await exchange(request).catch((cause: unknown) => {
      throw unavailable(cause instanceof StintError ? cause.detail : 'it cannot be reached', String(cause), cause)
    })
    const answer = status === 204 || bytes.length === 0 ? {} : parse(bytes)
    if (status < 300 || (status === 400 && Array.isArray(dataOf(answer).batch_results))) return answer
    throw unavailable(`it answered ${status}`, JSON.stringify(answer.errors ?? [])?.slice(0, 500))
  }
}

function about(record: { id: string; version: number }): string {
  return bound('key', 'transit', record).toString('base64')
}

async function inBatches<T, R>(items: readonly T[], work: (batch: readonly T[]) => Promise<readonly R[]>): Promise<readonly R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += BATCH) results.push(...(await work(items.slice(at, at + BATCH))))
  return results
}

/** Attacker-controlled, as far as the engine is. */
function parse(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(bytes.toString('utf8')))
  } catch {
    throw unavailable('its answer is not JSON')
  }
}

function dataOf(answer: unknown): Readonly<Record<string, unknown>> {
  return Object(Object(answer).data)
}

/** One result for each item, in their order. */
function resultsOf(answer: unknown, count: number): readonly Readonly<Record<string, unknown>>[] {
  const { batch_results: results } = dataOf(answer)
  if (!Array.isArray(results) || results.length !== count) throw unavailable('it did not answer for each key')
  return results.map(Object)
}

function unavailable(what: string, operatorDetail?: string, cause?: unknown): StintError {
  return new StintError('key_unavailable', `the transit key cannot be used: ${what}`, {
    ...(operatorDetail !== undefined && { operatorDetail }),
    ...(cause !== undefined && { cause }),
  })
}

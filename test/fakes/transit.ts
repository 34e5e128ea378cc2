import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/** What OpenBao documents of its transit engine, as far as a key-encryption key needs it: AES-256-GCM, versions, batches, associated data. */
export interface FakeTransit {
  /** Of the key `stint`. */
  readonly url: string
  /** What it was asked, `POST encrypt/stint`. */
  readonly asked: string[]
  /** Everything it was sent and answered, as text. */
  readonly seen: string[]
  token: string
  /** Answers every request with this status and error. */
  failing: readonly [status: number, error: string] | undefined
  /** Answers this instead of what is right. */
  lie: ((data: Record<string, unknown>) => unknown) | undefined
  readonly keys: Map<string, { type: string; derived: boolean; versions: Buffer[] }>
  close(): Promise<void>
}

interface Item {
  readonly plaintext?: string
  readonly ciphertext?: string
  readonly associated_data?: string
}

/** Starts one on loopback with a key called `stint`. */
export async function startTransit(): Promise<FakeTransit> {
  const server = createServer(async (request, response) => {
    const [status, body] = await answer(fake, request)
    const text = body === undefined ? '' : JSON.stringify(body)
    fake.seen.push(text)
    response.writeHead(status, { 'content-type': 'application/json' }).end(text)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const fake: FakeTransit = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/transit/keys/stint`,
    ...{ asked: [], seen: [], token: 's.the-token-of-stint', failing: undefined, lie: undefined },
    keys: new Map([['stint', { type: 'aes256-gcm96', derived: false, versions: [randomBytes(32)] }]]),
    close: () => new Promise((done) => server.close(() => done())),
  }
  return fake
}

async function answer(fake: FakeTransit, request: IncomingMessage): Promise<[status: number, body?: unknown]> {
  const [, verb = '', name = '', act] =
    /^\/v1\/transit\/(keys|encrypt|decrypt)\/([\w-]+)(?:\/(rotate))?$/.exec(request.url ?? '') ?? []
  fake.asked.push(`${request.method} ${verb}/${name}${act === undefined ? '' : `/${act}`}`)
  if (fake.failing !== undefined) return [fake.failing[0], { errors: [fake.failing[1]] }]
  if (request.headers['x-vault-token'] !== fake.token) return [403, { errors: ['permission denied'] }]
  const key = fake.keys.get(name)
  if (verb === 'keys' && request.method === 'GET')
    return key === undefined ? [404, { errors: [] }] : [200, { data: { name, type: key.type, derived: key.derived } }]
  if (key === undefined) return [400, { errors: ['encryption key not found'] }]
  if (act === 'rotate') return [204, void key.versions.push(randomBytes(32))]
  const { batch_input: items } = (await json(request)) as { batch_input: Item[] }
  fake.seen.push(JSON.stringify(items))
  const results = items.map((item) => (verb === 'encrypt' ? encrypt(key.versions, item) : decrypt(key.versions, item)))
  const data = { batch_results: results }
  return [results.some((one) => 'error' in one) ? 400 : 200, { data: fake.lie?.(data) ?? data }]
}

function encrypt(versions: readonly Buffer[], { plaintext = '', associated_data = '' }: Item) {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', versions.at(-1) ?? '', nonce).setAAD(Buffer.from(associated_data, 'base64'))
  const sealed = Buffer.concat([nonce, cipher.update(Buffer.from(plaintext, 'base64')), cipher.final(), cipher.getAuthTag()])
  return { ciphertext: `vault:v${versions.length}:${sealed.toString('base64')}` }
}

function decrypt(versions: readonly Buffer[], { ciphertext = '', associated_data = '' }: Item) {
  const [, version = '0', text = ''] = /^vault:v(\d+):(.+)$/.exec(ciphertext) ?? []
  const sealed = Buffer.from(text, 'base64')
  try {
    const decipher = createDecipheriv('aes-256-gcm', versions[Number(version) - 1] ?? '', sealed.subarray(0, 12))
    decipher.setAAD(Buffer.from(associated_data, 'base64')).setAuthTag(sealed.subarray(-16))
    return { plaintext: Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString('base64') }
  } catch {
    return { plaintext: '', error: 'cipher: message authentication failed' }
  }
}

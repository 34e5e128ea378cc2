import assert from 'node:assert/strict'
import { afterEach, before, beforeEach, describe, test } from 'node:test'
import { createFindKey } from '../../src/identity/find-key.ts'
import type { IssuerConfig, IssuerIo } from '../../src/identity/issuer.ts'
import {
  type Clock,
  configFor,
  createClock,
  type FakeIssuer,
  type IssuerKey,
  ioOver,
  newKey,
  startIssuer,
  withCode,
} from './fake-issuer.ts'

const MINUTE = 60_000
let old: IssuerKey
let fresh: IssuerKey
let issuer: FakeIssuer
let config: IssuerConfig
let clock: Clock
let findKey: ReturnType<typeof createFindKey>

before(async () => {
  ;[old, fresh] = [await newKey('old', 'ES256'), await newKey('new', 'ES256')]
})
beforeEach(async () => {
  issuer = await startIssuer([old])
  config = configFor(issuer.url)
  clock = createClock()
  findKey = createFindKey(ioOver(clock))
})
afterEach(() => issuer.close())

const find = (kid?: string): Promise<unknown> => findKey(config, { alg: 'ES256', ...(kid !== undefined && { kid }) })
const fetches = (): number => issuer.asked.filter((path) => path === '/jwks').length

describe('the keys of an issuer', () => {
  test('are fetched once and kept', async () => {
    const { kty, crv, x, y } = old.jwk
    for (let i = 0; i < 5; i += 1) assert.deepEqual(await find('old'), { kty, crv, x, y })
    assert.deepEqual(issuer.asked, ['/.well-known/openid-configuration', '/jwks'])
  })

  test('are fetched once by many who ask at the same moment', async () => {
    await Promise.all(Array.from({ length: 50 }, () => find('old')))
    assert.equal(fetches(), 1)
  })

  test('are fetched again for a kid that is new, so that a rotation is noticed', async () => {
    await find('old')
    issuer.keys = [old.jwk, fresh.jwk]
    clock.at += 30_000
    await find('new')
    assert.equal(fetches(), 2)
  })

  test('are not fetched more than twice a minute for kids that nobody has', async () => {
    await find('old')
    for (let i = 0; i < 200; i += 1) {
      clock.at += 300
      await assert.rejects(find(`random-${i}`), withCode('invalid_token'))
    }
    assert.equal(fetches(), 3)
    await find('old')
  })

  test('are not fetched more than once for a thousand random kids at the same moment', async () => {
    await find('old')
    clock.at += 30_000
    await Promise.allSettled(Array.from({ length: 1000 }, (_, i) => find(`random-${i}`)))
    assert.equal(fetches(), 2)
  })

  test('that were withdrawn are refused after ten minutes', async () => {
    await find('old')
    issuer.keys = [fresh.jwk]
    clock.at += 10 * MINUTE - 1
    await find('old')
    clock.at += 1
    await assert.rejects(find('old'), withCode('invalid_token'))
  })

  test('are not used past their age while the issuer is away', async () => {
    await find('old')
    issuer.up = false
    clock.at += 10 * MINUTE
    await assert.rejects(find('old'), withCode('issuer_unavailable'))
  })

  test('still serve while a fetch for an unknown kid fails', async () => {
    await find('old')
    issuer.up = false
    clock.at += 30_000
    await assert.rejects(find('unknown'), withCode('issuer_unavailable'))
    await find('old')
  })

  test('are asked for again soon after the issuer was away, but not at once', async () => {
    issuer.up = false
    for (let i = 0; i < 20; i += 1) await assert.rejects(find('old'), withCode('issuer_unavailable'))
    assert.equal(issuer.asked.length, 1)
    issuer.up = true
    clock.at += 5000
    await find('old')
  })

  test('are not asked for by a token with an algorithm that is not allowed', async () => {
    for (const alg of ['none', 'HS256', 'RSA1_5', 'constructor', '']) {
      await assert.rejects(findKey(config, { alg, kid: 'old' }), withCode('invalid_token'))
    }
    assert.deepEqual(issuer.asked, [])
  })

  test('of one issuer never serve another', async (t) => {
    const other = await startIssuer([fresh])
    t.after(() => other.close())
    await find('old')
    await assert.rejects(findKey(configFor(other.url), { alg: 'ES256', kid: 'old' }), withCode('invalid_token'))
    await findKey(configFor(other.url), { alg: 'ES256', kid: 'new' })
  })
})

describe('discovery', () => {
  test('an issuer with a path has its document below the path', async (t) => {
    const tenant = await startIssuer([old], '/tenant/a')
    t.after(() => tenant.close())
    await findKey(configFor(tenant.url), { alg: 'ES256', kid: 'old' })
    assert.deepEqual(tenant.asked, ['/tenant/a/.well-known/openid-configuration', '/jwks'])
  })

  test('an issuer that ends with a slash has no double slash, and keeps its slash', async (t) => {
    const tenant = await startIssuer([old], '/t/')
    t.after(() => tenant.close())
    await findKey(configFor(tenant.url), { alg: 'ES256', kid: 'old' })
    assert.equal(tenant.asked[0], '/t/.well-known/openid-configuration')
  })

  const broken: Readonly<Record<string, (url: string) => unknown>> = {
    'of another issuer': (url) => ({ issuer: 'https://evil.example', jwks_uri: `${url}/jwks` }),
    'of the issuer with a slash more': (url) => ({ issuer: `${url}/`, jwks_uri: `${url}/jwks` }),
    'without issuer': (url) => ({ jwks_uri: `${url}/jwks` }),
    'without keys': (url) => ({ issuer: url }),
    'with keys in a file': (url) => ({ issuer: url, jwks_uri: 'file:///etc/passwd' }),
    'with keys in itself': (url) => ({ issuer: url, jwks_uri: 'data:application/json,{}' }),
    'with keys at another plain-http place': (url) => ({ issuer: url, jwks_uri: 'http://127.0.0.1:1/jwks' }),
    'with keys behind a user name': (url) => ({ issuer: url, jwks_uri: url.replace('http://', 'http://a:b@') }),
    'that is a list': () => [],
    'that is null': () => null,
  }
  for (const [what, document] of Object.entries(broken)) {
    test(`a document ${what} is refused, and no keys are fetched`, async () => {
      issuer.answers.set('/.well-known/openid-configuration', JSON.stringify(document(issuer.url)))
      await assert.rejects(find('old'), withCode('issuer_unavailable'))
      assert.equal(issuer.asked.length, 1)
    })
  }

  for (const [what, keys] of Object.entries({
    'a list': [],
    'no keys': {},
    'an object as keys': { keys: {} },
    'a flood of keys': { keys: Array(101).fill({}) },
  })) {
    test(`a key set that is ${what} is refused`, async () => {
      issuer.answers.set('/jwks', JSON.stringify(keys))
      await assert.rejects(find('old'), withCode('issuer_unavailable'))
    })
  }

  test('an https issuer may keep its keys on another host, but not over http', async () => {
    const asked: string[] = []
    const world = (jwksUri: string): IssuerIo => ({
      now: clock.now,
      skewSeconds: 30,
      async getJson(url) {
        asked.push(url)
        return url.endsWith('configuration') ? { issuer: 'https://ci.example', jwks_uri: jwksUri } : { keys: [old.jwk] }
      },
    })
    const secure = configFor('https://ci.example')
    await createFindKey(world('https://keys.example/k'))(secure, { alg: 'ES256', kid: 'old' })
    assert.deepEqual(asked, ['https://ci.example/.well-known/openid-configuration', 'https://keys.example/k'])
    await assert.rejects(createFindKey(world('http://ci.example/k'))(secure, { alg: 'ES256' }), withCode('issuer_unavailable'))
  })

  test('how the issuer may be reached goes with every fetch', async () => {
    const reached: unknown[] = []
    const inner = ioOver(clock)
    const io: IssuerIo = {
      ...inner,
      getJson(url, reach) {
        reached.push(reach.privateNetworks)
        return inner.getJson(url, reach)
      },
    }
    await createFindKey(io)(config, { alg: 'ES256', kid: 'old' })
    assert.deepEqual(reached, [['127.0.0.0/8'], ['127.0.0.0/8']])
  })
})

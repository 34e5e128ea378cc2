import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseIssuerConfig } from '../../src/identity/issuer-config.ts'
import { PRESETS, presetOf } from '../../src/identity/presets.ts'
import { AUDIENCE, RULE, withCode } from './fake-issuer.ts'

const BASE = { id: 'ci', kind: 'oidc', issuer: 'https://ci.example.com/org/1', audience: AUDIENCE, rules: [RULE] }
const LOOPBACK = { issuer: 'http://127.0.0.1:8080', privateNetworks: ['127.0.0.0/8'] }
const withRule = (rule: object): object => ({ ...BASE, rules: [{ ...RULE, ...rule }] })
const withClaims = (claims: object): object => withRule({ claims })

describe('the configuration of an issuer', () => {
  test('is accepted as it is, with the defaults written out', () => {
    assert.deepEqual(parseIssuerConfig(BASE), { ...BASE, allowReuse: false, privateNetworks: [] })
  })

  test('survives being stored', () => {
    const config = parseIssuerConfig({ ...BASE, ...LOOPBACK, allowReuse: true })
    assert.deepEqual(parseIssuerConfig(JSON.parse(JSON.stringify(config))), config)
  })

  test('may name claims by pointer, each kept under its one name', () => {
    const { rules } = parseIssuerConfig(withClaims({ '/kubernetes.io/namespace': 'ci', '/sub': 's', 'a/b': 'c' }))
    assert.deepEqual(rules[0]?.claims, { '/kubernetes.io/namespace': 'ci', sub: 's', 'a/b': 'c' })
  })

  test('may be plain http on loopback, where that network is listed', () => {
    for (const issuer of ['http://127.0.0.1:8080', 'http://localhost:8080', 'http://[::1]:8080'])
      parseIssuerConfig({ ...BASE, ...LOOPBACK, issuer })
    parseIssuerConfig({ ...BASE, ...LOOPBACK, privateNetworks: ['::1/128'] })
  })

  const refused: Readonly<Record<string, unknown>> = {
    nothing: undefined,
    null: null,
    'a list': [BASE],
    'a key nobody knows': { ...BASE, isser: 'x' },
    'an id with a slash': { ...BASE, id: '../x' },
    'an id that is empty': { ...BASE, id: '' },
    'a kind nobody knows': { ...BASE, kind: 'saml' },
    'a kind that every object inherits': { ...BASE, kind: 'constructor' },
    'an issuer that is no URL': { ...BASE, issuer: 'ci.example.com' },
    'an issuer that is a preset’s pattern': { ...BASE, issuer: 'https://oidc.circleci.com/org/*?' },
    'the name of what every object inherits as issuer': { ...BASE, issuer: 'constructor' },
    'an issuer over http': { ...BASE, issuer: 'http://ci.example.com' },
    'an issuer over http on loopback that is not listed': { ...BASE, issuer: 'http://127.0.0.1:8080' },
    'an issuer over http on loopback with another network listed': { ...BASE, ...LOOPBACK, privateNetworks: ['10.0.0.0/8'] },
    'an issuer over http elsewhere with loopback listed': { ...BASE, ...LOOPBACK, issuer: 'http://10.0.0.1' },
    'an issuer over http at a name that starts like loopback': { ...BASE, ...LOOPBACK, issuer: 'http://127.0.0.1.evil.example' },
    'an issuer in a file': { ...BASE, ...LOOPBACK, issuer: 'file:///etc/passwd' },
    'an issuer with a user': { ...BASE, issuer: 'https://a:b@ci.example.com' },
    'an issuer with a query': { ...BASE, issuer: 'https://ci.example.com/?a=b' },
    'an issuer with a fragment': { ...BASE, issuer: 'https://ci.example.com/#a' },
    'an issuer with dot segments': { ...BASE, issuer: 'https://ci.example.com/a/../b' },
    'an issuer in capitals': { ...BASE, issuer: 'https://CI.example.com' },
    'an issuer in look-alike letters': { ...BASE, issuer: 'https://\u0441i.example.com' },
    'an issuer with its default port': { ...BASE, issuer: 'https://ci.example.com:443' },
    'no audience': { ...BASE, audience: '' },
    'several audiences': { ...BASE, audience: ['a', 'b'] },
    'no rules': { ...BASE, rules: [] },
    'a rule without claims': withClaims({}),
    'claims as a list': withClaims(['a']),
    'a claim that is a number': withClaims({ a: 1 }),
    'a claim that is a list': withClaims({ a: ['b'] }),
    'an empty claim value': withClaims({ a: '' }),
    'an empty claim name': withClaims({ '': 'a' }),
    'a malformed pointer': withClaims({ '/a~2': 'b' }),
    'one claim named twice': withClaims({ a: '1', '/a': '2' }),
    'a control character in a claim': withClaims({ a: 'b\u001b[2J' }),
    'a workload that is no SPIFFE ID': withRule({ workload: 'acme' }),
    'a workload without a path': withRule({ workload: 'spiffe://stint.local' }),
    'a workload with an empty segment': withRule({ workload: 'spiffe://stint.local/a//b' }),
    'a workload with dot segments': withRule({ workload: 'spiffe://stint.local/ci/../operator' }),
    'the operator as a workload': withRule({ workload: 'spiffe://stint.local/operator' }),
    'a local workload': withRule({ workload: 'spiffe://stint.local/local/ana' }),
    'a workload with a query': withRule({ workload: 'spiffe://stint.local/ci?a' }),
    'no owner': withRule({ owner: '' }),
    'no targets': withRule({ targets: [] }),
    'a pattern of targets': withRule({ targets: ['*'] }),
    'no actions': withRule({ actions: [] }),
    'an endless task': withRule({ maxTtlSeconds: Number.POSITIVE_INFINITY }),
    'a task of no time': withRule({ maxTtlSeconds: 0 }),
    'a network that is none': { ...BASE, privateNetworks: ['10.0.0.0'] },
    'a network that is too narrow': { ...BASE, privateNetworks: ['10.0.0.0/33'] },
    'a network that is a name': { ...BASE, privateNetworks: ['localhost/8'] },
    'a CA that is no certificate': { ...BASE, trustedCa: 'x' },
  }
  for (const [what, input] of Object.entries(refused)) {
    test(`${what} is refused`, () => assert.throws(() => parseIssuerConfig(input), withCode('invalid_argument')))
  }

  test('a claim named __proto__ is kept as a claim or refused, never dropped', () => {
    const input: unknown = JSON.parse(JSON.stringify(withClaims({ a: '1' })).replace('"a"', '"__proto__"'))
    assert.throws(() => parseIssuerConfig(input), withCode('invalid_argument'))
  })
})

describe('what is known about public issuers', () => {
  test('a name stands for the URL', () => {
    const config = parseIssuerConfig({ ...BASE, issuer: 'github' })
    assert.equal(config.issuer, 'https://token.actions.githubusercontent.com')
  })

  test('the name of an issuer that each organisation has its own of is no URL', () => {
    assert.throws(() => parseIssuerConfig({ ...BASE, issuer: 'circleci' }), withCode('invalid_argument'))
  })

  test('a rule that matches only what others can come to bear is refused, and says what to match', () => {
    for (const claims of [
      { repository: 'acme/app' },
      { sub: 'repo:acme/app:ref:refs/heads/main' },
      { '/repository_id/x': '1' },
    ]) {
      assert.throws(() => parseIssuerConfig({ ...withClaims(claims), issuer: 'github' }), /repository_id/)
    }
    const rules = [RULE, { ...RULE, claims: { ref: 'main' } }]
    assert.throws(() => parseIssuerConfig({ ...BASE, issuer: 'github', rules }), /rules\.1/)
  })

  test('it holds for the URL as for the name, and for every organisation', () => {
    const circle = 'https://oidc.circleci.com/org/1234'
    assert.equal(presetOf(circle), PRESETS.circleci)
    assert.throws(() => parseIssuerConfig({ ...withClaims({ sub: 'x' }), issuer: circle }), withCode('invalid_argument'))
    parseIssuerConfig({ ...withClaims({ 'oidc.circleci.com/project-id': 'x' }), issuer: circle })
    assert.throws(() => parseIssuerConfig({ ...withClaims({ ref: 'x' }), issuer: 'https://gitlab.com' }), /job_project_id/)
  })

  test('no other host passes for a known one', () => {
    assert.equal(presetOf('https://token.actions.githubusercontent.com.evil.example'), undefined)
    assert.equal(presetOf('https://gitlab.com/'), undefined)
  })
})

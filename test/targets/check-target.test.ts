import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { rootCertificates } from 'node:tls'
import fc from 'fast-check'
import { canonicalHost } from '../../src/gateway/canonical.ts'
import type { Target } from '../../src/model.ts'
import { checkTrustedCa } from '../../src/targets/check-ca.ts'
import { checkHost } from '../../src/targets/check-host.ts'
import { checkNetwork } from '../../src/targets/check-network.ts'
import { checkTarget } from '../../src/targets/check-target.ts'
import { code, TARGET, targetOn } from './fixture.ts'

const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBXjCCAQWgAwIBAgIUOTHEREPLACE
-----END CERTIFICATE-----`

describe('a host', () => {
  for (const [text, canonical] of [
    ['API.Example.com', 'api.example.com'],
    ['localhost', 'localhost'],
    ['127.0.0.1', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['[2001:DB8:0:0::1]', '[2001:db8::1]'],
    ['*.example.com', '*.example.com'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['my_host.internal', 'my_host.internal'],
  ] as const)
    test(`${text} is ${canonical}`, () => assert.equal(checkHost(text, true), canonical))

  for (const text of [
    '',
    '*',
    '*.com',
    '*.127.0.0.1',
    'a.*.com',
    '**.a.com',
    'example.com.',
    'a..b',
    '-a.com',
    'a b.com',
    'a/b',
    'a:80',
    'user@a.com',
    '127.1',
    '0x7f.0.0.1',
    '2130706433',
    '1.2.3.4.5',
    '::1',
    '[::1',
    '[::ffff:10.0.0.1]',
    '[fe80::1%eth0]',
    'bücher.example',
    `${'a'.repeat(64)}.com`,
    'a\u0000.com',
    '%61.com',
  ])
    test(`${JSON.stringify(text)} is refused`, () => assert.throws(() => checkHost(text, true), code('invalid_argument')))

  test('that is accepted is spelled as the gateway spells it, so that it is found', () => {
    const text = fc.oneof(
      fc.domain(),
      fc.ipV4(),
      fc.ipV6().map((address) => `[${address}]`),
      fc.stringMatching(/^[a-zA-Z0-9._-]{1,20}$/),
    )
    fc.assert(
      fc.property(text, (host) => {
        let checked: string
        try {
          checked = checkHost(host, false)
        } catch {
          return
        }
        assert.equal(canonicalHost(host), checked)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a private network', () => {
  for (const text of [
    '10.0.0.0/8',
    '10.1.2.3/32',
    '127.0.0.0/8',
    '192.168.1.0/24',
    '169.254.169.254/32',
    '100.64.0.0/10',
    '::1/128',
    'fd00::/8',
    'fe80::/10',
    'fd12:3456::/32',
  ])
    test(`may be ${text}`, () => assert.equal(checkNetwork(text), text))

  for (const text of [
    '',
    '0.0.0.0/0',
    '::/0',
    '8.8.8.8/32',
    '10.0.0.0/7',
    '10.0.0.1/8',
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '127.1/8',
    'fd00::1/8',
    '2001:db8::/32',
    '::ffff:10.0.0.0/104',
    'fe80::%1/64',
    '172.16.0.0/11',
    '10.0.0.0/1e1',
    'localhost/8',
  ])
    test(`cannot be ${JSON.stringify(text)}`, () => assert.throws(() => checkNetwork(text), code('invalid_argument')))

  test('that is accepted never holds a public address', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), (address, bits) => {
        try {
          checkNetwork(`${address}/${bits}`)
        } catch {
          return
        }
        assert.match(address, /^(?:10|127|100|169|172|192|198|168)\./)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('a target', () => {
  const refused: readonly (readonly [what: string, target: Target, words: RegExp])[] = [
    ['no id', { ...TARGET, id: '' }, /^id/],
    ['a path for an id', { ...TARGET, id: '../x' }, /^id/],
    ['an unknown connector', { ...TARGET, connector: 'constructor' }, /^connector/],
    ['no host', { ...TARGET, hosts: [] }, /^hosts/],
    ['port 0', targetOn('a', 'a.test:0'), /port/],
    ['another scheme', { ...TARGET, hosts: [{ scheme: 'ftp' as 'http', host: 'a.test', port: 21 }] }, /scheme/],
    ['an unknown environment', { ...TARGET, environment: 'prod' as 'production' }, /environment/],
    ['a credential without a placement', { ...TARGET, placement: { kind: 'none' } }, /credentialId/],
    ['http to the world with a credential', { ...TARGET, hosts: [{ scheme: 'http', host: 'a.test', port: 80 }] }, /https/],
    ['a placement in Host', { ...TARGET, placement: { kind: 'header', name: 'Host', prefix: '' } }, /placement/],
    [
      'a placement in Transfer-Encoding',
      { ...TARGET, placement: { kind: 'header', name: 'transfer-encoding', prefix: '' } },
      /placement/,
    ],
    ['a header with a line break', { ...TARGET, placement: { kind: 'header', name: 'a\r\nb', prefix: '' } }, /placement/],
    ['a prefix with a line break', { ...TARGET, placement: { kind: 'header', name: 'a', prefix: '\r\nb: c' } }, /placement/],
    ['a username with a colon', { ...TARGET, placement: { kind: 'basic', username: 'a:b' } }, /placement/],
    ['a query name that is a query', { ...TARGET, placement: { kind: 'query', name: 'a=b&c' } }, /placement/],
    [
      'a placeholder that is everywhere',
      { ...TARGET, placement: { kind: 'placeholder', placeholder: 'e', body: true } },
      /placement/,
    ],
    ['an unknown placement', { ...TARGET, placement: { kind: 'cookie' } as never }, /placement/],
    ['a label with a blank', { ...TARGET, labels: ['a b'] }, /labels/],
  ]
  for (const [what, target, words] of refused)
    test(`with ${what} is refused`, () => assert.throws(() => checkTarget(target, { http: {} }), code('invalid_argument', words)))

  test('without its credential and without a placement is refused; without both is taken', () => {
    const { credentialId: _, ...open } = TARGET
    assert.throws(() => checkTarget(open, undefined), code('invalid_argument'))
    assert.equal(checkTarget({ ...open, placement: { kind: 'none' } }, undefined).credentialId, undefined)
  })

  test('whose connector mints is refused in clear HTTP outside its private networks: what is minted would be seen', () => {
    const kinds = { http: { minting: { settings: {} } } }
    const target: Target = { ...TARGET, placement: { kind: 'none' }, hosts: [{ scheme: 'http', host: 'a.test', port: 80 }] }
    assert.throws(() => checkTarget(target, kinds), code('invalid_argument', /https/))
    const { credentialId: _, ...without } = target
    assert.throws(() => checkTarget(without, kinds), code('invalid_argument', /https/))
    assert.deepEqual(checkTarget({ ...target, privateNetworks: ['10.0.0.0/8'] }, kinds).hosts, target.hosts)
  })

  test('keeps nothing that is not a field of a target', () => {
    const checked = checkTarget(
      { ...TARGET, extra: 'x', hosts: [{ scheme: 'https', host: 'A.test', port: 443, extra: 1 } as never] } as Target,
      undefined,
    )
    assert.deepEqual(checked, { ...TARGET, hosts: [{ scheme: 'https', host: 'a.test', port: 443 }] })
  })
})

describe('a trusted CA', () => {
  test('is kept as its certificates alone, in their order', () => {
    const [first = '', second = ''] = rootCertificates
    assert.equal(checkTrustedCa(`# ours\n${first}\n\nand theirs\n${second}`), `${first}\n${second}\n`)
    assert.throws(() => checkTrustedCa(`${first}\n${CERTIFICATE}`), code('invalid_argument'))
  })

  for (const [what, pem] of [
    ['nothing', ''],
    ['words', 'hello'],
    ['a block that is no certificate', CERTIFICATE],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----'],
    ['a public key', '-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----'],
    ['too much', 'x'.repeat(200_001)],
  ] as const)
    test(`cannot be ${what}`, () => assert.throws(() => checkTrustedCa(pem), code('invalid_argument')))
})

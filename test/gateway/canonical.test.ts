import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StintError } from '../../src/errors.ts'
import { canonicalAuthority, canonicalTarget, splitAbsoluteForm } from '../../src/gateway/canonical.ts'

function pathOf(target: string): string {
  return canonicalTarget({ scheme: 'https', authority: 'api.example.com', target }).path
}

function hostOf(authority: string): string {
  return canonicalTarget({ scheme: 'https', authority, target: '/' }).host
}

function assertRefused(work: () => unknown, about: string): void {
  assert.throws(work, (thrown) => thrown instanceof StintError && thrown.code === 'malformed_request', `not refused: ${about}`)
}

test('an ordinary target comes out as it went in, with its port', () => {
  const form = { scheme: 'https', authority: 'api.example.com', target: '/repos/a/b?x=%2F..%2f&y=//;' } as const
  const expected = { scheme: 'https', host: 'api.example.com', port: 443, path: '/repos/a/b', query: 'x=%2F..%2f&y=//;' }
  assert.deepEqual(canonicalTarget(form), expected)
  assert.deepEqual(canonicalTarget({ scheme: 'http', authority: 'h:8080', target: '/?' }), {
    scheme: 'http',
    host: 'h',
    port: 8080,
    path: '/',
    query: '',
  })
})

test('one path has one spelling: unreserved characters unescaped, escapes in big letters, brackets escaped', () => {
  assert.equal(pathOf('/%41%7a%30%2D%5f%7E/x'), '/Az0-_~/x')
  assert.equal(pathOf('/a%c3%a9%3a%40%25'), '/a%C3%A9%3A%40%25')
  assert.equal(pathOf('/app/[id]/{x}|y^`"<>'), '/app/%5Bid%5D/%7Bx%7D%7Cy%5E%60%22%3C%3E')
  assert.equal(pathOf('/.well-known/x..y/.z/a.'), '/.well-known/x..y/.z/a.')
  assert.equal(pathOf('/a/'), '/a/')
})

const REFUSED_PATHS = [
  ['', 'nothing'],
  ['*', 'an asterisk'],
  ['a/b', 'a relative path'],
  ['http://other/', 'a URL where a path belongs'],
  ['/a/../b', 'a dot segment'],
  ['/a/..', 'a dot segment at the end'],
  ['/./a', 'a single dot'],
  ['/.', 'a single dot at the end'],
  ['/...', 'a segment of dots'],
  ['/a/%2e%2e/b', 'an escaped dot segment'],
  ['/a/.%2E/b', 'a half escaped dot segment'],
  ['/a/%252e%252e/b', 'a dot segment escaped twice'],
  ['/a/%25252e%25252e/b', 'a dot segment escaped three times'],
  ['/a/%25%32%65%25%32%65/b', 'a dot segment whose second escape is escaped'],
  ['/a/..%20/b', 'a dot segment with a blank'],
  ['/a/%20/b', 'a blank segment'],
  ['/a%2fb', 'an escaped slash'],
  ['/a%2Fb', 'an escaped slash in big letters'],
  ['/a%252fb', 'a slash escaped twice'],
  ['/a%5cb', 'an escaped backslash'],
  ['/a\\b', 'a backslash'],
  ['/a;b=c/d', 'a path parameter'],
  ['/a/..;/b', 'a dot segment with a path parameter'],
  ['/a%3bb', 'an escaped path parameter'],
  ['/a%253Bb', 'a path parameter escaped twice'],
  ['//a', 'an empty first segment'],
  ['/a//b', 'an empty segment'],
  ['/a#b', 'a fragment'],
  ['/a%', 'an incomplete escape'],
  ['/a%4', 'half an escape'],
  ['/a%zz', 'an escape that is not hex'],
  ['/a%00', 'a NUL'],
  ['/a%2500', 'a NUL escaped twice'],
  ['/a%0d%0aHost:x', 'a line end'],
  ['/a%7f', 'a delete'],
  ['/a%c2%85', 'a C1 control'],
  ['/a%c0%ae%c0%ae/b', 'an overlong dot'],
  ['/a%ff', 'what is not UTF-8'],
  ['/a b', 'a blank'],
  ['/a\tb', 'a tab'],
  ['/a\r\nb', 'a raw line end'],
  ['/é', 'a raw letter that is not ASCII'],
  ['/\u212a', 'a Kelvin sign'],
  ['/a?b c', 'a blank in the query'],
  ['/a?b#c', 'a fragment after the query'],
  ['/a?\u0000', 'a NUL in the query'],
  ['/a?é', 'a raw letter in the query'],
] as const

for (const [target, about] of REFUSED_PATHS) {
  test(`a target with ${about} is refused`, () => assertRefused(() => pathOf(target), target))
}

const namesProject = (path: string): boolean => /^\/(?:projects\/[^/]+(?:\/(?:(?!%2F)[^/])*)*|@[^/]+)$/.test(path)
const openPath = (target: string): string =>
  canonicalTarget({ scheme: 'https', authority: 'h', target }, (_, path) => namesProject(path)).path

test('an escaped slash stays one where the target takes it, in big letters', () => {
  assert.equal(openPath('/@scope%2fname'), '/@scope%2Fname')
  assert.equal(openPath('/projects/a%2fb%2Fc/issues?x=%2f'), '/projects/a%2Fb%2Fc/issues')
  assert.equal(openPath('/projects/%41%2f%7eb'), '/projects/A%2F~b')
})

test('an escaped slash is asked about with the place and the very path that is sent', () => {
  const asked: unknown[] = []
  const form = { scheme: 'https', authority: 'API.example.com', target: '/%40a%2fb?c' } as const
  const { path } = canonicalTarget(form, (...about) => asked.push(about) > 0)
  assert.deepEqual(asked, [[{ scheme: 'https', host: 'api.example.com', port: 443 }, path]])
})

test('an escaped slash in two segments is refused even by a target that would take it', () => {
  const form = { scheme: 'https', authority: 'h', target: '/projects/a%2Fb/c%2Fd' } as const
  assertRefused(() => canonicalTarget(form, () => true), form.target)
})

for (const target of [
  '/other/a%2Fb',
  '/projects/a%2Fb/c%2Fd',
  '/@scope%2F',
  '/@%2F%2Fname',
  '/projects/%2Fname',
  '/projects/a%2F%2Fb',
  '/projects/a%2F/b',
  '/projects/a%2F..',
  '/projects/a%2F%2e%2e',
  '/projects/a%2F.%2e%2Fb',
  '/projects/..%2Fb',
  '/projects/a%2F.%2Fb',
  '/projects/a%2F%20%2Fb',
  '/projects/a%252Fb',
  '/projects/a%2Fb%252Fc',
  '/projects/a%2Fb%252e%252e',
  '/projects/a%2Fb%5cc',
  '/projects/a%2Fb%255cc',
  '/projects/a%2Fb%3bc',
  '/projects/a%2Fb%00',
  '/projects/a%2Fb;c',
  '/projects/a%2Fb//c',
  '/projects/a%2Fb%c0%af',
])
  test(`${target} is refused although the target takes escaped slashes`, () => assertRefused(() => openPath(target), target))

test('one host has one spelling', () => {
  assert.equal(hostOf('API.Example.COM'), 'api.example.com')
  assert.equal(hostOf('api.example.com.'), 'api.example.com')
  assert.equal(hostOf('LOCALHOST'), 'localhost')
  assert.equal(hostOf('xn--bcher-kva.example'), 'xn--bcher-kva.example')
  assert.equal(hostOf('XN--BCHER-KVA.example'), 'xn--bcher-kva.example')
  assert.equal(hostOf('xn--80ak6aa92e.xn--p1ai'), 'xn--80ak6aa92e.xn--p1ai')
  assert.equal(hostOf('r3---sn-x.my_host.example'), 'r3---sn-x.my_host.example')
  assert.equal(hostOf('192.0.2.1'), '192.0.2.1')
  assert.equal(hostOf('[2001:DB8:0:0:0:0:0:1]'), '[2001:db8::1]')
  assert.equal(hostOf('[::1]'), '[::1]')
})

const REFUSED_AUTHORITIES = [
  ['', 'nothing'],
  ['.', 'a dot'],
  ['a..b', 'an empty label'],
  ['.a', 'an empty first label'],
  ['a.b..', 'two trailing dots'],
  ['user@host', 'a user'],
  ['good.example:443@evil.example', 'a user that looks like a host'],
  ['a b', 'a blank'],
  ['a%2eb', 'an escape'],
  ['a/b', 'a slash'],
  ['a\\b', 'a backslash'],
  ['a?b', 'a question mark'],
  ['a#b', 'a fragment'],
  ['bücher.example', 'a letter that is not ASCII'],
  ['example\u3002com', 'an ideographic full stop'],
  ['\u212aube.example', 'a Kelvin sign'],
  ['xn--999999999.example', 'punycode that is none'],
  ['xn--bcher-kva.xn--a.example', 'one label that is no punycode'],
  ['xn--abc-.example', 'punycode of plain ASCII'],
  ['-a.example', 'a label that starts with a hyphen'],
  ['a-.example', 'a label that ends with a hyphen'],
  [`${'a'.repeat(64)}.example`, 'a label that is too long'],
  [`${'a.'.repeat(127)}example`, 'a name that is too long'],
  ['*.example', 'a wildcard'],
  ['127.1', 'a short IPv4 address'],
  ['2130706433', 'a decimal IPv4 address'],
  ['0x7f000001', 'a hexadecimal IPv4 address'],
  ['0x7f.0.0.1', 'a partly hexadecimal IPv4 address'],
  ['0177.0.0.1', 'an octal IPv4 address'],
  ['127.0.0.01', 'an IPv4 address with a leading zero'],
  ['127.0.0.1.1', 'five numbers'],
  ['256.0.0.1', 'a number that is too big'],
  ['a.0x', 'a last label that is a number'],
  ['1.2.3.4.example.5', 'a name that ends in a number'],
  ['::1', 'IPv6 without brackets'],
  ['[::1', 'half a bracket'],
  ['::1]', 'the other half'],
  ['[::1]x', 'something after the bracket'],
  ['[fe80::1%eth0]', 'a zone'],
  ['[fe80::1%25eth0]', 'an escaped zone'],
  ['[::ffff:127.0.0.1]', 'an IPv4 address mapped into IPv6'],
  ['[::ffff:7f00:1]', 'an IPv4 address mapped into IPv6, in hex'],
  ['[0:0:0:0:0:FFFF:7f00:1]', 'an IPv4 address mapped into IPv6, in full'],
  ['[127.0.0.1]', 'IPv4 in brackets'],
  ['[v1.x]', 'an address of the future'],
  ['h:', 'an empty port'],
  ['h:0', 'port 0'],
  ['h:65536', 'a port that is too big'],
  ['h:080', 'a port with a leading zero'],
  ['h:+80', 'a port with a sign'],
  ['h:80:80', 'two ports'],
  ['h:8 0', 'a port with a blank'],
  ['h:８０', 'a port in full-width digits'],
] as const

for (const [authority, about] of REFUSED_AUTHORITIES) {
  test(`an authority with ${about} is refused`, () => assertRefused(() => hostOf(authority), authority))
}

test('an authority without a port is refused where there is no default', () => {
  assertRefused(() => canonicalAuthority('host.example'), 'no port')
  assert.deepEqual(canonicalAuthority('Host.example:443'), { host: 'host.example', port: 443 })
  assert.deepEqual(canonicalAuthority('[::1]:8443'), { host: '[::1]', port: 8443 })
  assertRefused(() => canonicalAuthority('[::1]'), 'no port')
})

test('an absolute URL is split, and what is no absolute http URL is refused', () => {
  const split = { scheme: 'http', authority: 'H.example:80', target: '/a?b' }
  assert.deepEqual(splitAbsoluteForm('HTTP://H.example:80/a?b'), split)
  assert.deepEqual(splitAbsoluteForm('https://h'), { scheme: 'https', authority: 'h', target: '/' })
  assert.deepEqual(splitAbsoluteForm('https://h?q'), { scheme: 'https', authority: 'h', target: '/?q' })
  for (const url of [
    '',
    '/',
    'ftp://h/',
    'http:/h',
    'http:///a',
    'https:h',
    'h:443',
    'http://h/#f',
    'javascript:x',
    '\nhttp://h/',
  ])
    assertRefused(() => splitAbsoluteForm(url), url)
})

const pieces = fc.constantFrom(
  ...[
    '/',
    '//',
    '.',
    '..',
    '%2e',
    '%2E',
    '%2f',
    '%5c',
    '%25',
    '%',
    '%41',
    '%00',
    '%c3%a9',
    '%c0',
    '%e2%82%ac',
    ';',
    '\\',
    '?',
    '#',
    '@',
    ':',
  ],
  ...['a', 'B', '9', '-', '_', '~', '[', ']', '|', '{', '^', '"', ' ', '\u0000', '\n', 'é', '%20', '*', "'"],
)
const hostileTargets = fc.oneof(
  fc.array(pieces, { maxLength: 12 }).map((parts) => `/${parts.join('')}`),
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.webPath().map((path) => path || '/'),
)
const hostPieces = fc.constantFrom(
  'a',
  'Z',
  '0',
  '1',
  '.',
  '-',
  '_',
  ':',
  '[',
  ']',
  '%',
  '@',
  'xn--',
  '0x',
  'é',
  '127',
  '::',
  'ffff',
  '/',
  ' ',
)
const hostileAuthorities = fc.oneof(
  fc.array(hostPieces, { maxLength: 10 }).map((parts) => parts.join('')),
  fc.webAuthority({ withIPv4: true, withIPv6: true, withPort: true }),
  fc.ipV6().map((address) => `[${address}]`),
  fc.string(),
)
const forms = fc.record({
  scheme: fc.constantFrom('http' as const, 'https' as const),
  authority: hostileAuthorities,
  target: hostileTargets,
})

test('whatever comes, it is refused as malformed or is canonical, stays so, and names the same place to a URL parser', () => {
  let accepted = 0
  fc.assert(
    fc.property(forms, (form) => {
      const first = attempt(form)
      if (first === undefined) return
      accepted += 1
      const { scheme, host, port, path, query } = first
      const again = canonicalTarget({ scheme, authority: `${host}:${port}`, target: query === '' ? path : `${path}?${query}` })
      assert.deepEqual(again, first)
      const url = new URL(`${scheme}://${host}:${port}${path}?${query}`)
      assert.equal(url.hostname, host)
      assert.equal(Number(url.port || { http: 80, https: 443 }[scheme]), port)
      assert.equal(url.pathname, path)
      assert.equal(url.username + url.password + url.hash, '')
      assertPlain(path)
    }),
    { numRuns: 5000 },
  )
  assert.ok(accepted > 100, `only ${accepted} were accepted, so this shows little`)
})

test('whatever comes to a target that takes escaped slashes, they are in one segment and separate nothing but plain pieces', () => {
  const parts = fc.array(fc.oneof(pieces, fc.constantFrom('%2f', '%2F', '/projects/', 'a', 'b')), { maxLength: 10 })
  let accepted = 0
  fc.assert(
    fc.property(fc.constantFrom('/projects/a', '/@a', '/'), parts, (start, rest) => {
      const form = { scheme: 'https', authority: 'h', target: start + rest.join('') } as const
      const asked: string[] = []
      const takes = (_: unknown, path: string): boolean => asked.push(path) > 0 && namesProject(path)
      const first = attempt(form, takes)
      if (first === undefined) return
      const { path } = first
      assert.ok(!path.includes('%2f'))
      assert.equal(new URL(`https://h${path}`).pathname, path)
      assert.equal(attempt({ ...form, target: path }, takes)?.path, path)
      if (!path.includes('%2F')) return assertPlain(path)
      accepted += 1
      assert.deepEqual(new Set(asked), new Set([path]))
      assert.equal(path.split('/').filter((part) => part.includes('%2F')).length, 1)
      assertPlain(path.replaceAll('%2F', '/'))
      assert.doesNotMatch(path.replaceAll('%2F', '/'), /\/\//)
    }),
    { numRuns: 20_000 },
  )
  assert.ok(accepted > 100, `only ${accepted} were accepted, so this shows little`)
})

/** No matter how often a server decodes: no more segments, no dot segments, no controls. */
function assertPlain(path: string): void {
  let decoded = path
  for (let i = 0; i < 4; i += 1) {
    assert.equal(decoded.split('/').length, path.split('/').length)
    assert.doesNotMatch(decoded, /[\\;\p{Cc}]|\/\.{1,2}(\/|$)/u)
    decoded = decoded.replace(/%[0-9A-F]{2}/gi, (one) => String.fromCharCode(Number.parseInt(one.slice(1), 16)))
    if (/[\u0080-\u00ff]/.test(decoded)) return
  }
}

function attempt(...from: Parameters<typeof canonicalTarget>): ReturnType<typeof canonicalTarget> | undefined {
  try {
    return canonicalTarget(...from)
  } catch (thrown) {
    assert.ok(thrown instanceof StintError && thrown.code === 'malformed_request', String(thrown))
    return undefined
  }
}

test('an authority has one spelling however often it comes, and its port is the one it is asked with', () => {
  for (let times = 0; times < 3; times += 1) {
    assert.deepEqual(canonicalAuthority('Again.example', 80), { host: 'again.example', port: 80 })
    assert.deepEqual(canonicalAuthority('Again.example', 443), { host: 'again.example', port: 443 })
    assert.deepEqual(canonicalAuthority('Again.example:8080', 443), { host: 'again.example', port: 8080 })
    assertRefused(() => canonicalAuthority('Again.example'), 'no port')
    assertRefused(() => canonicalAuthority('again example', 80), 'a blank in the host')
    assertRefused(() => canonicalAuthority('again.example:0', 80), 'a port that is none')
  }
})

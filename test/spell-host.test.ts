import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { canonicalHost } from '../src/gateway/canonical.ts'
import { spellHost } from '../src/spell-host.ts'
import { checkHost } from '../src/targets/check-host.ts'

/** The spelling, or undefined for what is refused. */
function spelled(text: string): string | undefined {
  try {
    return spellHost(text, (why) => {
      throw new TypeError(why)
    })
  } catch (thrown) {
    assert.ok(thrown instanceof TypeError && thrown.message !== '', String(thrown))
    return undefined
  }
}

describe('a host has one spelling, on a target as in a request', () => {
  for (const [text, host] of [
    ['API.Example.COM', 'api.example.com'],
    ['XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
    ['xn--Bcher-Kva.Xn--P1Ai', 'xn--bcher-kva.xn--p1ai'],
    ['xn--fa-hia.de', 'xn--fa-hia.de'],
    ['xn----7sbbb.com', 'xn----7sbbb.com'],
    ['xn--mgba3gch31f060k', 'xn--mgba3gch31f060k'],
    ['my-xn--host.example', 'my-xn--host.example'],
    ['r3---sn-x.example', 'r3---sn-x.example'],
    ['_dmarc.my_host.example', '_dmarc.my_host.example'],
    ['192.0.2.1', '192.0.2.1'],
    ['[2001:DB8::0:1]', '[2001:db8::1]'],
  ] as const)
    test(`${text} is ${host}`, () => {
      assert.equal(spelled(text), host)
      assert.equal(canonicalHost(text), host)
      assert.equal(checkHost(text, true), host)
    })

  for (const [text, about] of [
    ['', 'nothing'],
    ['\u212aube.example', 'a Kelvin sign, whose lower case is k'],
    ['exam\u017fle.example', 'a long s, whose upper case is S'],
    ['\u0130stanbul.example', 'a dotted I, whose lower case is two characters'],
    ['bücher.example', 'a name that is not in ASCII'],
    ['bu\u0308cher.example', 'the same, decomposed'],
    ['ｅxample.com', 'a full-width letter'],
    ['example．com', 'a full-width dot'],
    ['example。com', 'an ideographic dot'],
    ['example｡com', 'a half-width ideographic dot'],
    ['example\u2024com', 'a one dot leader'],
    ['exam\u00adple.com', 'a soft hyphen'],
    ['exam\u200bple.com', 'a blank without width'],
    ['exam\u200dple.com', 'a joiner'],
    ['\u202eexample.com', 'a mark that turns the direction'],
    ['ex\u0430mple.com', 'a Cyrillic a'],
    ['①.example', 'a digit in a circle'],
    ['１２７.0.0.1', 'full-width digits'],
    ['example.com..', 'two trailing dots'],
    ['.example.com', 'a leading dot'],
    ['exa mple.com', 'a blank'],
    ['example.com\u0000.evil', 'a NUL'],
    ['example%2ecom', 'an escape'],
    ['xn--', 'a prefix without a label'],
    ['xn--a.example', 'punycode that is none'],
    ['xn--999999999.example', 'punycode that overflows'],
    ['xn--a-ecp.example', 'punycode of what IDNA maps to another letter'],
    ['xn--iuk.example', 'punycode of a letter that IDNA does not take'],
    ['xn--1ug.example', 'punycode of a joiner alone'],
    ['xn--0ca24w.example', 'punycode of a decomposed letter'],
    ['xn--xn---epa.example', 'punycode of a name that looks like punycode'],
    ['xn--abc.example', 'punycode of plain ASCII'],
    ['xn--abc-.example', 'punycode of plain ASCII, with its hyphen'],
    ['xn---bba.example', 'another spelling of xn--bba'],
    ['XN---BBA.example', 'the same in big letters'],
    ['ok.xn--a.xn--bcher-kva', 'one bad label among good ones'],
    [`${'a'.repeat(64)}.example`, 'a label that is too long'],
    [`${'a.'.repeat(127)}example`, 'a name that is too long'],
    ['0x7f.1', 'a hexadecimal address'],
    ['127.1', 'a short address'],
    ['a.0x', 'a name that ends as an address does'],
    ['[::ffff:127.0.0.1]', 'an IPv4 address mapped into IPv6'],
    ['[fe80::1%eth0]', 'a zone'],
    ['[::1].', 'a dot after an address'],
  ] as const)
    test(`${JSON.stringify(text)} has none: ${about}`, () => {
      assert.equal(spelled(text), undefined)
      assert.throws(() => canonicalHost(text), { code: 'malformed_request' })
      assert.throws(() => checkHost(text, true), { code: 'invalid_argument' })
      assert.throws(() => checkHost(`*.${text}`, true), { code: 'invalid_argument' })
    })

  test('a trailing dot is taken off a request’s host, and a target is declared without one', () => {
    assert.equal(canonicalHost('Example.com.'), 'example.com')
    assert.equal(canonicalHost('xn--bcher-kva.'), 'xn--bcher-kva')
    assert.throws(() => checkHost('example.com.', true), { code: 'invalid_argument' })
  })

  test('what has one is ASCII, keeps it, and is the same host to a URL parser; all else is refused in both places', () => {
    const label = fc.oneof(
      fc.stringMatching(/^(?:xn--)?[a-zA-Z0-9-]{0,8}$/),
      fc.constantFrom('xn--bcher-kva', 'xn---bba', 'XN--P1AI', '\u212a', 'ü', '127', '0x1', '_a', ''),
    )
    const hosts = fc.oneof(
      fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.')),
      fc.domain(),
      fc.ipV6().map((address) => `[${address}]`),
      fc.string(),
    )
    let accepted = 0
    fc.assert(
      fc.property(hosts, (text) => {
        const host = spelled(text)
        if (host === undefined) return assert.throws(() => checkHost(text, false), { code: 'invalid_argument' })
        accepted += 1
        assert.match(host, /^[\x21-\x7e]+$/)
        assert.equal(spelled(host), host)
        assert.equal(new URL(`https://${host}/`).hostname, host)
        assert.equal(canonicalHost(text), host)
        assert.equal(checkHost(text, false), host)
      }),
      { numRuns: 5000 },
    )
    assert.ok(accepted > 500, `only ${accepted} were accepted, so this shows little`)
  })
})

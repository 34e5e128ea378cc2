import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createScrubber } from '../../src/gateway/scrub.ts'
import { Secret } from '../../src/secret.ts'

const TOKEN = 'ghp_0123456789abcdefghijklmnopqrstuvwxyz'
const AWKWARD = 'pä"ss/wo+rd <&> \'%=\\\n~(1)*'

const SPELLINGS: Record<string, (secret: string) => string> = {
  'as it is': (secret) => secret,
  'inside JSON': (secret) => JSON.stringify({ secret }),
  'inside JSON with escaped slashes': (secret) => JSON.stringify({ secret }).replaceAll('/', '\\/'),
  'inside JSON made safe for HTML': (secret) =>
    JSON.stringify({ secret }).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026'),
  'inside JSON of .NET': (secret) =>
    JSON.stringify({ secret }).replace(
      /[<>&'+`]|\\"/g,
      (one) => `\\u00${(one.codePointAt(one.length - 1) ?? 0).toString(16).toUpperCase()}`,
    ),
  'inside HTML': (secret) => secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
  'in a URL': (secret) => `https://h/?t=${encodeURIComponent(secret)}&x=1`,
  'in a URL with small letters': (secret) => encodeURIComponent(secret).replace(/%../g, (one) => one.toLowerCase()),
  'in a form': (secret) => new URLSearchParams({ secret }).toString(),
  'in hex': (secret) => Buffer.from(secret).toString('hex'),
  'in big hex': (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
}

for (const [name, spell] of Object.entries(SPELLINGS)) {
  test(`a secret is covered ${name}`, () => {
    for (const secret of [TOKEN, AWKWARD]) {
      const said = createScrubber([new Secret(secret)]).text(`before ${spell(secret)} after`)
      assert.match(said, /^before .*\[scrubbed\].* after$/s)
      assertHidden(said, secret)
    }
  })
}

test('a secret is covered in base64 and base64url, whatever stands around it', () => {
  for (const secret of [TOKEN, AWKWARD, '12345678']) {
    const scrubber = createScrubber([new Secret(secret)])
    for (const before of ['', 'u', 'x-access-token:', 'ab', '??>']) {
      for (const after of ['', ' ', '\n\n', '~~?']) {
        const whole = Buffer.from(before + secret + after)
        assert.match(scrubber.text(`Basic ${whole.toString('base64')}`), /\*\*\*|\[scrubbed\]/)
        assert.match(scrubber.text(`<${whole.toString('base64url')}>`), /\*\*\*|\[scrubbed\]/)
        assertHidden(Buffer.from(scrubber.text(whole.toString('base64')), 'base64').toString('latin1'), secret.slice(1, -1))
      }
    }
  }
})

test('a text without a secret stays as it is, and so do its bytes', () => {
  const scrubber = createScrubber([new Secret(TOKEN)])
  assert.equal(scrubber.text('nothing here: ghp_, ü, 😀'), 'nothing here: ghp_, ü, 😀')
  const bytes = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256))
  const mask = scrubber.mask()
  assert.deepEqual(Buffer.concat([mask.push(bytes), mask.end()]), bytes)
})

test('with nothing to look for, or only what is too short to look for, there is nothing to do', () => {
  assert.equal(createScrubber([]).isEmpty, true)
  assert.equal(createScrubber([new Secret(''), new Secret('1234567')]).isEmpty, true)
  assert.equal(createScrubber([new Secret('12345678')]).isEmpty, false)
  assert.equal(createScrubber([]).text('as it is'), 'as it is')
})

test('an event stream is not held up: only what could start a secret waits', () => {
  const mask = createScrubber([new Secret(TOKEN)]).mask()
  assert.equal(mask.push(Buffer.from('data: {"a":1}\n\n')).toString(), 'data: {"a":1}\n\n')
  assert.equal(mask.push(Buffer.from('data: ghp_012')).toString(), 'data: ')
  assert.equal(mask.push(Buffer.from('!\n\n')).toString(), 'ghp_012!\n\n')
  assert.equal(mask.end().length, 0)
})

test('an end that only looked like the start of a secret comes out', () => {
  const mask = createScrubber([new Secret(TOKEN)]).mask()
  assert.equal(mask.push(Buffer.from('ghp_0123')).length, 0)
  assert.equal(mask.end().toString(), 'ghp_0123')
})

test('secrets that overlap or contain each other are covered whole', () => {
  const scrubber = createScrubber([new Secret('abcdefgh'), new Secret('efghijkl'), new Secret('xxabcdefghyy')])
  assert.equal(scrubber.text('-abcdefghijkl-'), '-********####-'.replaceAll('#', '*'))
  assert.equal(scrubber.text('-xxabcdefghyy-'), '-[scrubbed]**-')
  assert.equal(scrubber.text('-xxabcdefghyz-'), '-xx********yz-')
})

test('secrets that overlap or contain each other come out the same in chunks of any size', () => {
  const scrubber = createScrubber([new Secret('abcdefgh'), new Secret('efghijkl'), new Secret('xxabcdefghyy')])
  const text = '-xxabcdefghyy-efghijkl-xxabcdefghyz-abcdefghijklxxabcdefghy'
  for (let size = 1; size <= text.length; size += 1) assert.equal(inChunks(text, [size], scrubber.mask()), scrubber.text(text))
})

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 8, maxLength: 14 })
const texts = fc.array(fc.oneof(letters, fc.string({ unit: fc.constantFrom('a', 'b', 'c', '/'), maxLength: 9 })), {
  maxLength: 8,
})

test('any chunks of any text come out as the whole text does, as long as it was, without the secrets', () => {
  fc.assert(
    fc.property(
      fc.array(letters, { minLength: 1, maxLength: 3 }),
      texts,
      fc.array(fc.nat(30), { minLength: 1, maxLength: 40 }),
      fc.boolean(),
      (secrets, parts, cuts, plant) => {
        const scrubber = createScrubber(secrets.map((secret) => new Secret(secret)))
        const text = (plant ? [...parts, ...secrets, ...parts] : parts).join('')
        const whole = scrubber.text(text)
        assert.equal(inChunks(text, cuts, scrubber.mask()), whole)
        assert.equal(whole.length, text.length)
        for (const secret of secrets) assertHidden(whole, secret)
        assert.equal(whole, plainCover(text, secrets))
      },
    ),
    { numRuns: 2000 },
  )
})

/** The same, the slow and obvious way, for secrets that have one spelling that matters here. */
function plainCover(text: string, secrets: readonly string[]): string {
  const hits = [...text].flatMap((_, at) => {
    const longest = secrets.filter((secret) => text.startsWith(secret, at)).sort((a, b) => b.length - a.length)[0]
    return longest === undefined ? [] : [{ at, end: at + longest.length }]
  })
  let out = text
  let end = 0
  for (const hit of hits) {
    const from = Math.max(hit.at, end)
    const marker = hit.at >= end && hit.end - hit.at >= 10 ? '[scrubbed]' : ''
    end = Math.max(end, hit.end)
    out = out.slice(0, from) + marker.padEnd(end - from, '*') + out.slice(end)
  }
  return out
}

function inChunks(text: string, cuts: readonly number[], mask: { push(chunk: Buffer): Buffer; end(): Buffer }): string {
  const bytes = Buffer.from(text)
  const out: Buffer[] = []
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = Math.max(1, cuts[i % cuts.length] ?? 1)
    out.push(Buffer.from(mask.push(bytes.subarray(at, at + size))))
    at += size
  }
  return Buffer.concat([...out, mask.end()]).toString()
}

function assertHidden(text: string, secret: string): void {
  assert.equal(text.includes(secret), false, 'the secret is still there')
}

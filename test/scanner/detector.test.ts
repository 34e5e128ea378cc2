import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createDetector } from '../../src/scanner/detector.ts'
import { beside, credentialOf, token } from '../../src/scanner/pattern.ts'
import type { Rule } from '../../src/scanner/rule.ts'
import { alnum, base64, hex } from '../../src/scanner/sample.ts'

function rule(id: string, keywords: readonly string[], pattern: RegExp, changes: Partial<Rule> = {}): Rule {
  const source = 'https://example.org/'
  const samples = () => ({ hits: [], misses: [] })
  return { ...{ id, provider: 'Acme', title: id, keywords, pattern, confidence: 'high', source, samples }, ...changes }
}

function find(rules: readonly Rule[], text: string): string[] {
  const bytes = Buffer.from(text)
  const found = createDetector(rules)(bytes, 0, bytes.length)
  for (const { start, end, secret } of found) assert.equal(bytes.toString('latin1', start, end), secret)
  return found.map(({ rule: { id }, secret }) => `${id} ${secret}`)
}

const acme = rule('acme', ['acme_'], token('acme_[0-9A-Za-z]{20}'))
const one = `acme_${alnum(20)}`
const two = `acme_${alnum(20, 2)}`

describe('the detector', () => {
  test('finds every match and its place, also where they touch or stand in bytes that are no text', () => {
    assert.deepEqual(find([acme], `${one},${two} é ${one}`), [`acme ${one}`, `acme ${two}`, `acme ${one}`])
    assert.deepEqual(find([acme], `\0\0${one}\0`), [`acme ${one}`])
    assert.deepEqual(find([acme], `acme_ x${one} ${one}x`), [], 'it is part of a longer word')
    assert.deepEqual(find([acme], `acme_ ${'x'.repeat(5000)} ${one}`), [`acme ${one}`])
  })

  test('reads nothing before or after the part it is given', () => {
    const bytes = Buffer.from(`a${one}b`)
    assert.deepEqual(createDetector([acme])(bytes, 0, bytes.length), [])
    assert.equal(createDetector([acme])(bytes, 1, bytes.length - 1).length, 1)
  })

  test('keeps the surer of two matches that overlap, or the longer', () => {
    const any = rule('any', ['token'], beside('token', '[0-9A-Za-z_]{20,40}'), { confidence: 'low' })
    assert.deepEqual(find([any, acme], `token = "${one}"`), [`acme ${one}`])
    assert.deepEqual(find([acme, any], `token = "${one}"`), [`acme ${one}`])
    const long = rule('long', ['acme_'], token('acme_[0-9A-Za-z]{20}\\.[0-9a-f]{8}'))
    assert.deepEqual(find([acme, long], `${one}.${hex(8)}`), [`long ${one}.${hex(8)}`])
  })

  test('drops what fails its check, has too little entropy or stands in for a secret', () => {
    const checked = rule('checked', ['acme_'], acme.pattern, { check: (secret) => secret === two })
    assert.deepEqual(find([checked], `${one} ${two}`), [`checked ${two}`])
    assert.deepEqual(find([rule('even', ['acme_'], acme.pattern, { entropy: 6 })], one), [])
    const letters = `acme_${alnum(8)}YoUr${alnum(8)}`
    assert.deepEqual(find([acme], letters), [`acme ${letters}`], 'chance wrote it')
    for (const idle of ['x'.repeat(20), `${alnum(13)}EXAMPLE`, '01234567890123456789', `your${alnum(16)}`])
      assert.deepEqual(find([acme], `acme_${idle}`), [])
  })

  test('finds a value by the name it is given, in the spellings of files', () => {
    const named = rule('named', ['datadog', 'dd_'], beside('datadog|dd_', '[0-9a-f]{32}'), { confidence: 'medium' })
    const key = hex(32)
    const texts = [
      `DATADOG_API_KEY=${key}`,
      `"datadogKey": "${key}"`,
      `dd_api_key: '${key}'`,
      `new Datadog("${key}")`,
      `--datadog-key ${key}`,
      `<datadog>${key}</datadog>`,
      `datadog => [${key}]`,
      `process.env.DATADOG_KEY ?? '${key}'`,
      `DATADOG_KEY || "${key}"`,
      `DATADOG_KEY ?= ${key}`,
      `"text": "{\\"datadog\\": \\"${key}\\"}"`,
      `- name: DATADOG_KEY\n  value: "${key}"`,
      `{"name":"DATADOG_KEY","value":"${key}"}`,
      `<add key="datadog" value="${key}" />`,
      `name  = "DATADOG_KEY"\n  value = "${key}"`,
    ]
    for (const text of texts) assert.deepEqual(find([named], text), [`named ${key}`], text)
    for (const text of [`datadog\n${key}`, `datadog ${key}a`, `xdatadog=${key}`, `add_key=${key}`, `datadog\n  price: ${key}`])
      assert.deepEqual(find([named], text), [], text)
  })

  test('finds a value of a common look by its vendor and a word for credentials, also over lines', () => {
    const named = rule('named', ['datadog'], credentialOf('datadog', '[0-9a-f]{32}'), { confidence: 'medium' })
    const key = hex(32)
    for (const text of [
      `DATADOG_API_KEY=${key}`,
      `datadog:\n  apiKey: "${key}"`,
      `\\nDATADOG_TOKEN=${key}\\n`,
      `datadog({ token: '${key}' })`,
    ])
      assert.deepEqual(find([named], text), [`named ${key}`], text)
    for (const text of [`datadog@${key}`, `datadog: ${key}`, `DATADOG_SHA=${key}`, `datadog\n\n${' '.repeat(30)}key: ${key}`])
      assert.deepEqual(find([named], text), [], text)
  })

  test('takes no part of a longer text in base 64', () => {
    const encoded = rule('encoded', ['acme'], beside('acme', '[0-9A-Za-z+/]{40}'))
    assert.deepEqual(find([encoded], `acme=${base64(40)}`), [`encoded ${base64(40)}`])
    for (const next of ['/', '+', '=']) assert.deepEqual(find([encoded], `acme=${base64(40)}${next}`), [])
  })
})

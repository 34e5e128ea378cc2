import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bech32Sum } from '../../src/scanner/checksum.ts'
import { readJson, toJson64 } from '../../src/scanner/encoded.ts'
import { readMacaroon } from '../../src/scanner/macaroon.ts'
import { accountOf } from '../../src/scanner/rules/aws.ts'
import { RULES } from '../../src/scanner/rules/index.ts'

/** The facts of the first sample of a rule. */
function factsOf(id: string): Readonly<Record<string, string>> | undefined {
  const rule = Object.values(RULES)
    .flat()
    .find((one) => one.id === id)
  const [hit = ''] = rule?.samples().hits ?? []
  return rule?.facts?.(typeof hit === 'string' ? hit : hit[1])
}

/** A key id of an account, as AWS makes them: a bit that is set, forty of the account, and others. */
function keyIdOf(account: bigint): string {
  const bits = (1n << 79n) | (account << 39n) | 12_345n
  return `AKIA${Array.from({ length: 16 }, (_, i) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number((bits >> BigInt(75 - 5 * i)) & 31n)]).join('')}`
}

describe('what a secret says of itself', () => {
  test('is the account of an AWS key id, unless the id is of the old kind or the number is none', () => {
    assert.equal(accountOf(keyIdOf(29_608_264_753n)), '029608264753')
    assert.equal(accountOf(keyIdOf(999_999_999_999n)), '999999999999')
    assert.equal(accountOf(keyIdOf(1_000_000_000_000n)), undefined)
    assert.equal(accountOf(`AKIAI${'A'.repeat(15)}`), undefined)
  })

  test('is where it belongs, and until when', () => {
    assert.deepEqual(factsOf('gitlab-routable'), { organization: '1', user: '123456' })
    assert.deepEqual(factsOf('aws-bedrock-api-key'), { account: '112233445566' })
    assert.deepEqual(factsOf('azure-key-64'), { service: 'Storage' })
    assert.deepEqual(factsOf('azure-annotated-key'), { service: 'AZDO' })
    assert.deepEqual(factsOf('pypi-api'), { index: 'pypi.org' })
    assert.match(factsOf('jfrog-reference')?.expires ?? '', /^1[0-9]{9}$/)
  })
})

describe('what a secret is made of', () => {
  test('is JSON, or it is not', () => {
    assert.deepEqual(readJson(toJson64({ a: 1 })), { a: 1 })
    assert.deepEqual(readJson(toJson64({ a: '?>' }, 'base64url')), { a: '?>' })
    for (const text of ['', '!!', toJson64([1]), toJson64(null), toJson64('a'), toJson64({ a: 1 }).slice(4)])
      assert.equal(readJson(text), undefined)
  })

  test('is a macaroon, or it is not', () => {
    const bytes = Buffer.concat([Buffer.from([2, 1, 1, 97, 2, 1, 98, 0, 2, 1, 99, 0, 0, 6, 32]), Buffer.alloc(32, 7)])
    assert.deepEqual(readMacaroon(bytes), { location: 'a', identifier: 'b' })
    for (const other of [
      bytes.subarray(1),
      bytes.subarray(0, -1),
      Buffer.alloc(0),
      Buffer.alloc(60, 2),
      Buffer.concat([bytes, Buffer.alloc(1)]),
    ])
      assert.equal(readMacaroon(other), undefined)
  })

  test('is checked in Bech32 as BIP-173 has it', () => {
    // The valid strings of BIP-173, "Test vectors", without their last six characters.
    assert.equal(bech32Sum('a', ''), '2uel5l')
    assert.equal(bech32Sum('abcdef', 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'), 'mqqqxw')
    assert.equal(bech32Sum('split', 'checkupstagehandshakeupstreamerranterredcaperred'), '2y9e3w')
  })
})

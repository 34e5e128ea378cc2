import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createDetector } from '../../../src/scanner/detector.ts'
import { RULES } from '../../../src/scanner/rules/index.ts'
import { alnum } from '../../../src/scanner/sample.ts'
import { STRUCTURES } from '../../../src/scanner/structures/index.ts'
import { kubernetes } from '../../../src/scanner/structures/kubernetes.ts'

const only = createDetector([], [kubernetes])
const all = createDetector(Object.values(RULES).flat(), STRUCTURES)
const [random, other] = [alnum(24), alnum(16, 3)]
const in64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64')

/** What is found, and what stands in the file where it is said to be. */
function look(text: string, detect = only): (readonly [rule: string, secret: string, there: string])[] {
  const bytes = Buffer.from(text)
  return detect(bytes, 0, bytes.length).map(({ rule, start, secret }) => [
    rule.id,
    secret,
    text.slice(start).split(/["\s]/, 1)[0] ?? '',
  ])
}

describe('a Secret of Kubernetes', () => {
  test('gives up what is in it, encoded or not, as its program gets it', () => {
    const secret = `apiVersion: v1\nkind: Secret\ndata:\n  DB_PASSWORD: ${in64('correct-horse')}\n  username: ${in64('ada')}\nstringData:\n  api-token: ${random}\n`
    const expected = [
      ['kubernetes-secret', 'correct-horse', in64('correct-horse')],
      ['kubernetes-secret', random, random],
    ]
    assert.deepEqual(look(secret), expected)
    assert.deepEqual(look(`kind: Service\n---\n${secret}---\nkind: ConfigMap\ndata:\n  token: ${in64(other)}1\n`), expected)
    assert.deepEqual(
      look(JSON.stringify({ kind: 'List', items: [{ kind: 'Secret', data: { token: in64(random) } }] }, null, 1)),
      [['kubernetes-secret', random, in64(random)]],
    )
  })

  test('may hold whole files, and keys that are no text', () => {
    const file = `# settings\nexport ACME_TOKEN="${random}"\nLOG_LEVEL=info2\npassword: ${other}\n`
    const docker = JSON.stringify({ auths: { 'acme.dev': { username: 'ada', password: other } } })
    const bytes = in64(Buffer.from(alnum(32), 'latin1').map((byte) => byte ^ 0xa5))
    const secret = `kind: Secret\ndata:\n  .env: ${in64(file)}\n  .dockerconfigjson: ${in64(docker)}\n  signing.key: ${bytes}\n`
    assert.deepEqual(
      look(secret).map(([, found]) => found),
      [random, other, bytes],
    )
  })

  test('has its templates and placeholders passed over, and leaves to a rule what the rule knows', () => {
    const pem = `-----BEGIN PRIVATE KEY-----\n${alnum(64)}\n${alnum(64, 2)}\n-----END PRIVATE KEY-----\n`
    const text = `kind: Secret\ndata:\n  a-token: {{ .Values.token | b64enc }}\n  b-token: "{{ .Values.t0ken }}"\n  c-token: ${in64('<your-token>')}\n  tls.crt: ${in64('-----BEGIN CERTIFICATE-----\nabc\n')}\n`
    assert.deepEqual(look(text), [])
    const vendors = `github_pat_${alnum(22)}_${alnum(59)}`
    const rules = look(`kind: Secret\nstringData:\n  token: ${vendors}\ndata:\n  tls.key: ${in64(pem)}\n`, all).map(
      ([rule]) => rule,
    )
    assert.deepEqual(rules, ['github-pat-fine-grained', 'private-key-base64'])
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { verifyFindings } from '../../../src/cli/verify-findings.ts'
import type { Finding } from '../../../src/scanner/finding.ts'
import { RULES } from '../../../src/scanner/rules/index.ts'
import { alnum } from '../../../src/scanner/sample.ts'
import { type Ask, CHECKS } from '../../../src/scanner/verify/checks.ts'
import { createToldSecrets } from '../../../src/scanner/verify/told-secrets.ts'
import { alike, NOT_ASKED, verify } from '../../../src/scanner/verify/verify.ts'
import { Secret } from '../../../src/secret.ts'

const real = `hf_${alnum(34)}`

function finding(rule: string, fingerprint = rule): Finding {
  const title = rule
  return { fingerprint, rule, provider: 'Acme', title, confidence: 'high', preview: '', facts: {}, places: [] }
}

async function verdictWhere(answer: (ask: Ask) => number | string | Error, rule = 'huggingface-user', value = real) {
  const asked: Ask[] = []
  const verdicts = await verify([finding(rule)], {
    pauseMs: 0,
    secret: () => new Secret(value),
    async send(ask) {
      asked.push(ask)
      const said = answer(ask)
      if (said instanceof Error) throw said
      return typeof said === 'number' ? { status: said, body: new Uint8Array() } : { status: 200, body: Buffer.from(said) }
    },
  })
  return { asked, verdict: verdicts.get(rule) }
}

const isReal = ({ headers }: Ask): boolean => headers.authorization?.includes(real) === true

describe('a secret is verified', () => {
  test('as live where a made-up one is refused and it is taken, as dead where both are refused', async () => {
    const { asked, verdict } = await verdictWhere((ask) => (isReal(ask) ? 200 : 401))
    assert.equal(verdict?.is, 'live')
    assert.deepEqual(asked.map(isReal), [false, true], 'the made-up one first')
    assert.equal((await verdictWhere(() => 401)).verdict?.is, 'dead')
  })

  test('as unknown, and not sent at all, where a made-up one is taken too or nothing can be told', async () => {
    for (const answer of [200, 429, 500, 302, new Error('no way out')]) {
      const { asked, verdict } = await verdictWhere(() => answer)
      assert.equal(verdict?.is, 'unknown', String(answer))
      assert.deepEqual(asked.map(isReal), [false], `${answer}`)
    }
    const late = await verdictWhere((ask) => (isReal(ask) ? 503 : 401))
    assert.deepEqual(late.verdict, { is: 'unknown', why: 'it answered 503' })
  })

  test('by what is said inside, where every answer is 200', async () => {
    const value = `xoxb-${'123456789012'}-${'123456789012'}-${alnum(24)}`
    const slack = (ok: string) =>
      verdictWhere(
        ({ headers }) => (headers.authorization?.includes(value) ? ok : '{"ok":false,"error":"invalid_auth"}'),
        'slack-bot-token',
        value,
      )
    assert.equal((await slack('{"ok":true,"team":"x"}')).verdict?.is, 'live')
    assert.equal((await slack('{"ok": false, "error": "token_revoked"}')).verdict?.is, 'dead')
    assert.equal((await slack('{"ok":false,"error":"ratelimited"}')).verdict?.is, 'unknown')
  })

  test('not at all where no question is known', async () => {
    const { asked, verdict } = await verdictWhere(() => 200, 'no-such-rule')
    assert.deepEqual([asked, verdict?.is], [[], 'unknown'])
    assert.equal((await verdictWhere(() => 200, 'constructor')).verdict?.is, 'unknown')
  })

  test('by one control for each rule, and one request to a host at a time', async () => {
    let open = 0
    let most = 0
    let count = 0
    await verify([finding('github-pat', 'a'), finding('github-pat', 'b'), finding('github-oauth', 'c')], {
      pauseMs: 1,
      secret: (name) => new Secret(`ghp_${name}${alnum(35)}`),
      async send() {
        open += 1
        count += 1
        most = Math.max(most, open)
        await new Promise((next) => setTimeout(next, 5))
        open -= 1
        return { status: 401, body: new Uint8Array() }
      },
    })
    assert.deepEqual([count, most], [5, 1])
  })
})

describe('of too many secrets', () => {
  test('so many values are kept as may be, and the others are not asked about, which is said', async () => {
    const secrets = createToldSecrets(1)
    for (const name of ['a', 'b', 'a']) secrets.tell(name, new Secret(`hf_${name}${alnum(33)}`))
    let asked = 0
    const verdicts = await verify([finding('huggingface-user', 'a'), finding('huggingface-user', 'b')], {
      pauseMs: 0,
      secret: secrets.get,
      async send() {
        asked += 1
        return { status: 401, body: new Uint8Array() }
      },
    })
    assert.deepEqual([verdicts.get('a')?.is, verdicts.get('b'), asked], ['dead', { is: 'unknown', why: NOT_ASKED }, 2])
    const { findings, skipped } = await verifyFindings([finding('npm-access', 'c'), finding('no-such-rule', 'd')], secrets)
    assert.deepEqual(skipped, [{ what: 'verifying 1 of 2 secrets', why: NOT_ASKED }])
    assert.deepEqual(
      findings.map(({ verdict }) => verdict?.is),
      ['unknown', 'unknown'],
    )
  })
})

describe('the checks', () => {
  /** A server of each provider, which takes one secret alone, wherever in a request it stands. */
  test('say live of the secret that a provider takes, dead of another, and nothing where all is forbidden', async () => {
    const rules = new Map(Object.values(RULES).flatMap((ones) => ones.map((rule) => [rule.id, rule] as const)))
    for (const [id, check] of Object.entries(CHECKS)) {
      if (check.saysLive !== undefined) continue
      const [hit = ''] = rules.get(id)?.samples().hits ?? []
      const secret = typeof hit === 'string' ? hit : hit[1]
      const holds = ({ url, headers }: Ask): boolean =>
        [url, ...Object.values(headers)].some(
          (text) => text.includes(secret) || text.includes(Buffer.from(`${secret}:`).toString('base64')),
        )
      assert.ok(holds(check.ask(secret)), id)
      const said = async (answer: (ask: Ask) => number) => (await verdictWhere(answer, id, secret)).verdict?.is
      assert.deepEqual([await said((ask) => (holds(ask) ? 200 : 401)), await said(() => 401)], ['live', 'dead'], id)
      assert.deepEqual([await said(() => 200), await said((ask) => (holds(ask) ? 418 : 401))], ['unknown', 'unknown'], id)
    }
  })

  test('are of rules that there are, go to a fixed host over TLS and change nothing', () => {
    const ids = new Set(Object.values(RULES).flatMap((rules) => rules.map(({ id }) => id)))
    for (const [rule, check] of Object.entries(CHECKS)) {
      assert.ok(ids.has(rule), rule)
      const [one, other] = [check.ask('a.example/x'), check.ask('b')]
      assert.equal(new URL(one.url).host, new URL(other.url).host)
      assert.equal(new URL(one.url).protocol, 'https:')
      assert.ok(one.method === 'GET' || rule.startsWith('slack-'), rule)
    }
  })

  test('are tried with a value of the same shape and another content', () => {
    const made = alike(real, ['hf_'])
    assert.match(made, /^hf_[0-9A-Za-z]{34}$/)
    assert.notEqual(made, real)
    assert.match(alike('00ff-AB', []), /^\d\d[a-f]{2}-[A-Z]{2}$/)
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { aws } from '../../../src/credentials/connectors/aws.ts'
import { type AskIam, describeUsers } from '../../../src/credentials/protocols/aws-users.ts'
import { Secret } from '../../../src/secret.ts'

const NS = 'xmlns="https://iam.amazonaws.com/doc/2010-05-08/"'
const MADE = '<CreateDate>2026-01-20T22:11:48Z</CreateDate>'
const [createdAt, lastUsedAt] = [Date.parse('2026-01-20T22:11:48Z'), Date.parse('2026-02-01T00:00:00Z')]

const user = (name: string, more = '') => `<member>\n <Path>/</Path><UserName>${name}</UserName>${MADE}${more}\n</member>`
const key = (id: string, status = 'Active') =>
  `<member><UserName>ann</UserName><AccessKeyId>${id}</AccessKeyId><Status>${status}</Status>${MADE}</member>`
const page = (action: string, list: string, members: readonly string[], more = '<IsTruncated>false</IsTruncated>') =>
  `<?xml version="1.0"?>\n<${action}Response ${NS}><${action}Result><${list}>${members.join('\n')}</${list}>${more}</${action}Result></${action}Response>\n`
const users = (...members: string[]) => page('ListUsers', 'Users', members)
const keys = (...members: string[]) => page('ListAccessKeys', 'AccessKeyMetadata', members)
const used = (when: string) =>
  `<GetAccessKeyLastUsedResponse><AccessKeyLastUsed><Region>N/A</Region>${when}</AccessKeyLastUsed></GetAccessKeyLastUsedResponse>`
const error = (code: string) => `<ErrorResponse><Error><Code>${code}</Code></Error></ErrorResponse>`

/** IAM as the test plays it, by action: answers in turn, the last one for ever. */
function iam(answers: Readonly<Record<string, readonly string[]>>): AskIam & { readonly asked: Record<string, string>[] } {
  const asked: Record<string, string>[] = []
  const ask: AskIam = async (parameters) => {
    const { Action = '' } = parameters
    const turn = asked.filter((one) => one.Action === Action).length
    asked.push({ ...parameters })
    const text = answers[Action]?.[Math.min(turn, (answers[Action]?.length ?? 0) - 1)] ?? error('AccessDenied')
    return { status: text.startsWith('<ErrorResponse') ? 403 : 200, headers: {}, body: Buffer.from(text) }
  }
  return Object.assign(ask, { asked })
}

describe('the users of an account of AWS', () => {
  const [ann, account] = [user('ann'), { kind: 'account', access: 'unknown', isUsable: true, createdAt }]

  test('are listed page by page, with their keys and when these were used', async () => {
    const more = '<IsTruncated>true</IsTruncated><Marker>next</Marker>'
    const ask = iam({
      ListUsers: [
        page('ListUsers', 'Users', [ann], more),
        users(user('bob', '<PasswordLastUsed>2026-02-01T00:00:00Z</PasswordLastUsed>')),
      ],
      ListAccessKeys: [keys(key('AKIAIOSFODNN7EXAMPLE'), key('AKIAIOSFODNN7EXAMPLF', 'Inactive')), keys()],
      GetAccessKeyLastUsed: [used('<LastUsedDate>2026-02-01T00:00:00Z</LastUsedDate>'), used('')],
    })
    const mine = { kind: 'key', access: 'unknown', createdAt }
    assert.deepEqual(await describeUsers(ask), [
      { ...account, id: 'ann' },
      { ...account, id: 'bob', lastUsedAt },
      { ...mine, id: 'AKIAIOSFODNN7EXAMPLE ann', isUsable: true, lastUsedAt },
      { ...mine, id: 'AKIAIOSFODNN7EXAMPLF ann', isUsable: false },
    ])
    assert.deepEqual([ask.asked[0]?.Marker, ask.asked[1]?.Marker], [undefined, 'next'])
  })

  test('are listed without what Stint may not know, and refused only where that is the users', async () => {
    const known = { ListUsers: [users(ann)], ListAccessKeys: [keys(key('AKIAIOSFODNN7EXAMPLE'))] }
    assert.deepEqual(await describeUsers(iam({ ListUsers: known.ListUsers })), [{ ...account, id: 'ann' }])
    assert.equal((await describeUsers(iam(known)))[1]?.lastUsedAt, undefined)
    await assert.rejects(describeUsers(iam({})), { code: 'upstream_failed' })
    await assert.rejects(describeUsers(iam({ ...known, ListAccessKeys: [error('Throttling')] })), { code: 'upstream_failed' })
  })

  test('are listed without keys where they are many, and not at all where that would leave some out', async () => {
    const many = (length: number) => users(...Array.from({ length }, (_, at) => user(`u${at}`)))
    const ask = iam({ ListUsers: [many(101)] })
    assert.equal((await describeUsers(ask)).length, 101)
    assert.equal(ask.asked.length, 1)
    await assert.rejects(describeUsers(iam({ ListUsers: [many(1001)] })), /more than 1000/)
    const forEver = page('ListUsers', 'Users', [], '<IsTruncated>true</IsTruncated><Marker>x</Marker>')
    await assert.rejects(describeUsers(iam({ ListUsers: [forEver, users()] })), { code: 'upstream_failed' })
  })

  for (const text of [
    '<ListUsersResponse></ListUsersResponse>',
    users('<member><UserName>ann</UserName><Tags><member></member></Tags></member>'),
    users('ann'),
    users(user('a b')),
    users('<member></member>'),
    users(`<member><UserName>ann</UserName><CreateDate>now</CreateDate></member>`),
    page('ListUsers', 'Users', [ann], '<IsTruncated>true</IsTruncated>'),
    page('ListUsers', 'Users', [ann], `<Users>${ann}</Users>`),
    users(ann).replace('</ListUsersResponse>', ''),
  ])
    test(`are not listed from ${text.replaceAll(/\s+/g, ' ').slice(0, 300)}`, () =>
      assert.rejects(describeUsers(iam({ ListUsers: [text] })), { code: 'upstream_failed' }))

  for (const one of [key('short'), key('AKIAIOSFODNN7EXAMPLE', 'Odd')])
    test(`are not listed with ${one}`, () =>
      assert.rejects(describeUsers(iam({ ListUsers: [users(ann)], ListAccessKeys: [keys(one)] })), { code: 'upstream_failed' }))

  test('are not listed to a web identity, which has no keys', async () => {
    const standing = new Secret('{"web_identity_token":"token-of-tests"}')
    const no = () => assert.fail()
    const never = { now: Date.now, connect: no, secure: no, exchange: no }
    await assert.rejects(async () => aws.minting?.discover?.({ target: aws.example.target, standing }, never), {
      code: 'credential_missing',
    })
  })
})

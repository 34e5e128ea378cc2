import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { aws } from '../../../src/credentials/connectors/aws.ts'
import { CONNECTORS } from '../../../src/credentials/connectors/index.ts'
import type { HttpAnswer, Io, Issued, Minting, MintOrder } from '../../../src/credentials/minting.ts'
import { StintError } from '../../../src/errors.ts'
import type { Action, Operation, Target } from '../../../src/model.ts'
import { Secret } from '../../../src/secret.ts'
import { checkTarget } from '../../../src/targets/check-target.ts'
import { TASK } from '../permit.ts'

const { minting } = aws as { minting: Minting }
const { target } = aws.example
const REGION = 'eu-central-1'
const LEASE = 'lease_abcdefaaaaaaabzzzzzzzz'
const ZEROS = '0'.repeat(64)

/** A request as signed by placeholder keys. */
function signed(service: string, change: Partial<Operation> = {}, region = REGION): Operation {
  const credential = `stint-placeholder/20260101/${region}/${service}/aws4_request`
  const { headers, body, ...rest } = change
  return {
    ...{ scheme: 'https', host: `${service}.${REGION}.amazonaws.com`, port: 443, method: 'GET', path: '/', query: '', ...rest },
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host;x-amz-date, Signature=${ZEROS}`,
      ...(body !== undefined && { 'content-length': String(body.length) }),
      ...headers,
    },
    ...(body !== undefined && { body }),
  }
}

function s3(method: string, path: string, query = '', headers: Record<string, string> = {}): Operation {
  return signed('s3', { method, path, query, headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', ...headers } })
}

function json(service: string, wanted: string, body: object | string, change: Partial<Operation> = {}): Operation {
  const { headers, ...rest } = change
  return signed(service, {
    ...{ method: 'POST', body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), ...rest },
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': wanted, ...headers },
  })
}

function form(service: string, text: string, change: Partial<Operation> = {}): Operation {
  const { headers, ...rest } = change
  return signed(service, {
    ...{ method: 'POST', body: Buffer.from(text), ...rest },
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', ...headers },
  })
}

function grantsOf(operation: Operation): unknown {
  return aws.describe(operation, target).parameters.grants
}

describe('a request to AWS is named by what it does', () => {
  const BUCKET = 'arn:aws:s3:::acme'
  const KNOWN: readonly (readonly [operation: Operation, id: string, access: string, grants: readonly string[]])[] = [
    [s3('GET', '/'), 's3::ListBuckets', 'read', ['s3:ListAllMyBuckets *']],
    [s3('GET', '/acme', 'list-type=2&prefix=a%2Fb'), 's3::ListObjects', 'read', [`s3:ListBucket ${BUCKET}`]],
    [s3('GET', '/acme/', 'location'), 's3::GetBucketLocation', 'read', [`s3:GetBucketLocation ${BUCKET}`]],
    [s3('HEAD', '/acme/a'), 's3::HeadObject', 'read', [`s3:GetObject ${BUCKET}/*`, `s3:GetObjectVersion ${BUCKET}/*`]],
    [s3('PUT', '/acme/a/b', 'x-id=PutObject'), 's3::PutObject', 'write', [`s3:PutObject ${BUCKET}/*`]],
    [s3('PUT', '/acme/a', 'partNumber=1&uploadId=u'), 's3::UploadPart', 'write', [`s3:PutObject ${BUCKET}/*`]],
    [
      s3('POST', '/acme', 'delete'),
      ...(['s3::DeleteObjects', 'destructive', [`s3:DeleteObject ${BUCKET}/*`, `s3:DeleteObjectVersion ${BUCKET}/*`]] as const),
    ],
    [
      s3('PUT', '/acme/a', '', { 'x-amz-copy-source': '/other/b' }),
      ...(['s3::CopyObject', 'write'] as const),
      [`s3:PutObject ${BUCKET}/*`, 's3:GetObject arn:aws:s3:::other/*', 's3:GetObjectVersion arn:aws:s3:::other/*'],
    ],
    [
      json('dynamodb', 'DynamoDB_20120810.PutItem', { TableName: 'orders' }),
      ...(['dynamodb::PutItem', 'write'] as const),
      ['', '/*'].map((end) => `dynamodb:PutItem arn:aws:dynamodb:${REGION}:123456789012:table/orders${end}`),
    ],
    [json('dynamodb', 'DynamoDB_20120810.PutItem', { TableName: '*' }), 'dynamodb::PutItem', 'write', ['dynamodb:PutItem *']],
    [
      json('kms', 'TrentService.ScheduleKeyDeletion', {}),
      'kms::ScheduleKeyDeletion',
      'destructive',
      ['kms:ScheduleKeyDeletion *'],
    ],
    [json('kms', 'TrentService.CreateGrant', {}), 'kms::CreateGrant', 'admin', ['kms:CreateGrant *']],
    [json('ssm', 'AmazonSSM.Frobnicate', {}), 'ssm::Frobnicate', 'admin', ['ssm:Frobnicate *']],
    [
      form('ec2', 'Action=TerminateInstances&InstanceId.1=i-1'),
      'ec2::TerminateInstances',
      'destructive',
      ['ec2:TerminateInstances *'],
    ],
    [
      form('iam', 'Action=CreateUser&UserName=x', { host: 'iam.amazonaws.com' }),
      'iam::CreateUser',
      'admin',
      ['iam:CreateUser *'],
    ],
    [form('monitoring', 'Action=ListMetrics'), 'monitoring::ListMetrics', 'read', ['cloudwatch:ListMetrics *']],
    [
      signed('sts', { query: 'Action=GetCallerIdentity&Version=2011-06-15' }),
      'sts::GetCallerIdentity',
      'read',
      ['sts:GetCallerIdentity *'],
    ],
  ]
  for (const [operation, id, access, grants] of KNOWN)
    test(`${operation.method} ${operation.host}${operation.path}?${operation.query} is ${id}`, () => {
      const action = aws.describe(operation, target)
      assert.deepEqual([action.id, action.access, action.parameters.grants], [`aws:${id}`, access, grants])
    })

  test('a bucket in the host is the one in the path', () => {
    for (const host of [`acme.s3.${REGION}.amazonaws.com`, 'acme.s3.amazonaws.com', `acme.s3.dualstack.${REGION}.amazonaws.com`])
      assert.deepEqual(grantsOf({ ...s3('GET', '/a'), host }), grantsOf(s3('GET', '/acme/a')), host)
    assert.equal(
      aws.describe({ ...s3('GET', '/k'), host: `a.s3.b.s3.${REGION}.amazonaws.com` }, target).parameters.bucket,
      'a.s3.b',
    )
  })

  const presign = (more = ''): string =>
    `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=stint%2F20260101%2F${REGION}%2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=9&X-Amz-SignedHeaders=host&X-Amz-Signature=${ZEROS}${more}`
  const bare = { ...s3('GET', '/acme/a'), headers: {} }

  test('a presigned URL is the request without its signature', () => {
    assert.deepEqual(grantsOf({ ...bare, query: presign('&versionId=7') }), grantsOf(s3('GET', '/acme/a', 'versionId=7')))
  })

  const UNKNOWN: Readonly<Record<string, readonly [operation: Operation, code: string, words: RegExp]>> = {
    'no signature': [bare, 'unknown_action', /not signed/],
    'two signatures': [{ ...s3('GET', '/acme/a'), query: presign() }, 'unknown_action', /twice/],
    'half a signature in the query': [{ ...bare, query: presign('&x-amz-credential=other') }, 'unknown_action', /not signed/],
    'a signature for more than a region': [
      {
        ...bare,
        headers: {
          authorization: 'AWS4-ECDSA-P256-SHA256 Credential=a/20260101/s3/aws4_request, SignedHeaders=host, Signature=00',
        },
      },
      ...(['unknown_action', /Signature Version 4/] as const),
    ],
    'another region': [signed('s3', {}, 'us-east-1'), 'unknown_action', /region/],
    'a host of another region': [{ ...s3('GET', '/acme/a'), host: 's3.eu-west-1.amazonaws.com' }, 'unknown_action', /host/],
    'a host of another service': [
      json('dynamodb', 'DynamoDB_20120810.GetItem', {}, { host: `kms.${REGION}.amazonaws.com` }),
      'unknown_action',
      /host/,
    ],
    'an access point': [{ ...s3('GET', '/a'), host: `ap.s3-accesspoint.${REGION}.amazonaws.com` }, 'unknown_action', /host/],
    'a name of another service': [json('dynamodb', 'TrentService.Decrypt', {}), 'unknown_action', /X-Amz-Target/],
    'two names': [json('sqs', 'AmazonSQS.ListQueues', {}, { query: 'Action=PurgeQueue' }), 'unknown_action', /is a POST/],
    'a name and a form': [
      form('sqs', 'Action=PurgeQueue', { headers: { 'x-amz-target': 'AmazonSQS.ListQueues' } }),
      ...(['unknown_action', /is a POST/] as const),
    ],
    'an action in the query and in the form': [
      form('ec2', 'Action=DescribeInstances', { query: 'Action=TerminateInstances' }),
      'unknown_action',
      /by Action/,
    ],
    'two actions in the form': [form('ec2', 'Action=DescribeInstances&action=TerminateInstances'), 'unknown_action', /twice/],
    'a table named twice': [
      json('dynamodb', 'DynamoDB_20120810.GetItem', '{"TableName":"abc","TableName":"def"}'),
      'unknown_action',
      /twice/,
    ],
    'keys for the workload': [form('sts', 'Action=AssumeRole&RoleArn=x'), 'unknown_action', /keys/],
    'an unknown service': [signed('lambda', { path: '/2015-03-31/functions' }), 'unknown_action', /lambda/],
    'an object of Object’s': [signed('constructor'), 'unknown_action', /constructor/],
    'an unknown parameter': [s3('GET', '/acme', 'inventory&id=1'), 'unknown_action', /parameter/],
    'two operations of S3': [s3('GET', '/acme', 'versions&uploads'), 'unknown_action', /S3 operation/],
    'a public object': [s3('PUT', '/acme/a', '', { 'x-amz-acl': 'public-read' }), 'unknown_action', /access/],
    'a granted object': [s3('PUT', '/acme/a', '', { 'x-amz-grant-read': 'uri=all' }), 'unknown_action', /access/],
    'a bucket that is a wildcard': [s3('GET', '/*/a'), 'unknown_action', /bucket/],
    'a copy from a wildcard': [s3('PUT', '/acme/a', '', { 'x-amz-copy-source': '/*/b' }), 'unknown_action', /source/],
    'chunks that are signed': [
      s3('PUT', '/acme/a', '', { 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' }),
      ...(['unknown_action', /chunk by chunk/] as const),
    ],
    'a long body without its hash': [
      signed('s3', { method: 'PUT', path: '/acme/a', headers: { 'content-length': '1048577' }, body: Buffer.alloc(1_048_576) }),
      ...(['body_too_large', /x-amz-content-sha256/] as const),
    ],
    'a body of unknown length without its hash': [
      signed('s3', { method: 'PUT', path: '/acme/a', headers: { 'transfer-encoding': 'chunked' } }),
      ...(['body_too_large', /x-amz-content-sha256/] as const),
    ],
    'a compressed call': [
      json('kms', 'TrentService.Decrypt', {}, { headers: { 'content-encoding': 'gzip' } }),
      'unknown_action',
      /compressed/,
    ],
  }
  for (const [what, [operation, code, words]] of Object.entries(UNKNOWN))
    test(`${what} is refused, and told why`, () => {
      assert.throws(
        () => aws.describe(operation, target),
        (thrown) => thrown instanceof StintError && thrown.code === code && words.test(thrown.detail),
      )
    })

  test('S3’s bodies are not read where they tell their hash; all else is', () => {
    assert.equal(aws.bodyPrefix(s3('PUT', '/acme/a'), aws.example.target), 0)
    for (const operation of [signed('s3', { method: 'PUT' }), json('kms', 'TrentService.Decrypt', {}), bare])
      assert.equal(aws.bodyPrefix(operation, aws.example.target), 1_048_576)
  })
})

const ACTION: Action = {
  ...{ id: 'aws:s3::GetObject', access: 'read', resource: 'arn:aws:s3:::acme/a' },
  parameters: { service: 's3', region: REGION, grants: ['s3:GetObject arn:aws:s3:::acme/*'] },
}
const KEYS = { access_key_id: 'AKIAIOSFODNN7EXAMPLE', secret_access_key: 'standing-secret-of-tests' }

function orderOf(standing: object | string = KEYS, expiresAt = Date.now() + 600_000): MintOrder {
  const secret = new Secret(typeof standing === 'string' ? standing : JSON.stringify(standing))
  const grant = minting.grant({ task: TASK, target, action: ACTION }) ?? assert.fail()
  return { leaseId: LEASE, target, taskId: TASK.id, owner: TASK.owner, grant, standing: secret, expiresAt }
}

/** STS, IAM and EC2 as the test plays them: answers in turn, the last one for ever. */
function played(
  ...answers: readonly (readonly [status: number, body: string])[]
): Io & { readonly asked: (URLSearchParams & { host?: string })[] } {
  const asked: URLSearchParams[] = []
  const no = () => Promise.reject(new StintError('upstream_failed', 'no'))
  return {
    ...{ asked, now: Date.now, connect: no, secure: no },
    async exchange({ body }): Promise<HttpAnswer> {
      const [status = 500, text = ''] = answers[Math.min(asked.length, answers.length - 1)] ?? []
      asked.push(new URLSearchParams(String(body)))
      return { status, headers: {}, body: Buffer.from(text) }
    },
  }
}

const error = (code: string): string =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${KEYS.secret_access_key}</Message></Error></ErrorResponse>`
const SESSION = {
  AccessKeyId: 'ASIAIOSFODNN7EXAMPLE',
  SecretAccessKey: 'session-secret-of-tests/+0',
  SessionToken: 'session-token-of-tests==',
  Expiration: '2099-01-01T00:00:00Z',
}
const session = (change: Record<string, string> = {}, operation = 'AssumeRole'): string => {
  const parts = Object.entries({ ...SESSION, ...change }).map(([name, value]) => `<${name}>${value}</${name}>`)
  return `<${operation}Response><${operation}Result><Credentials>${parts.join('')}</Credentials></${operation}Result></${operation}Response>`
}
const listed = (...names: string[]): string =>
  `<ListRolePoliciesResponse><PolicyNames>${names.map((name) => `<member>${name}</member>`).join('')}</PolicyNames></ListRolePoliciesResponse>`
const PUT = '<PutRolePolicyResponse></PutRolePolicyResponse>'
const DELETED = '<DeleteRolePolicyResponse></DeleteRolePolicyResponse>'

async function mint(io = played([200, session()]), order = orderOf()): Promise<Issued & { readonly material: Secret }> {
  return { ...order, ...(await minting.mint(order, undefined, io)) }
}

describe('a session', () => {
  test('bears the lease’s name, lives as long as it is needed, and may do the action and be probed', async () => {
    const io = played([200, session()])
    const { expiresAt } = await mint(io)
    const [asked] = io.asked
    assert.equal(asked?.get('RoleSessionName'), LEASE)
    assert.equal(asked?.get('DurationSeconds'), '900')
    assert.deepEqual(JSON.parse(asked?.get('Policy') ?? ''), {
      Version: '2012-10-17',
      Statement: [
        {
          ...{ Effect: 'Allow', Action: ['s3:GetObject'], Resource: 'arn:aws:s3:::acme/*' },
          Condition: { StringEquals: { 'aws:RequestedRegion': REGION } },
        },
        { Effect: 'Allow', Action: 'ec2:DescribeRegions', Resource: '*' },
      ],
    })
    assert.ok(expiresAt <= Date.now() + 3_600_000, 'AWS’s word for its end is not believed beyond what was asked for')
  })

  test('comes by the token of an identity provider too, unsigned, and then lives until it expires', async () => {
    const io = played([200, session({}, 'AssumeRoleWithWebIdentity')])
    const issued = await mint(io, orderOf({ web_identity_token: 'a.web.identity-token' }))
    assert.equal(io.asked[0]?.get('WebIdentityToken'), 'a.web.identity-token')
    assert.deepEqual(await minting.revoke(issued, io), { irrevocableUntil: Number(issued.handle.expires_at) })
    assert.equal(io.asked.length, 1)
  })

  for (const [status, body, code] of [
    [403, error('AccessDenied'), 'mint_refused'],
    [400, error('PackedPolicyTooLarge'), 'mint_refused'],
    [400, error('Throttling'), 'upstream_failed'],
    [400, error('RequestTimeTooSkewed'), 'upstream_failed'],
    [503, error('AccessDenied'), 'upstream_failed'],
    [403, `<html><Code>AccessDenied</Code></html>`, 'upstream_failed'],
    [200, session({ AccessKeyId: 'x' }), 'upstream_failed'],
    [200, session({ SessionToken: 'a\r\nb' }), 'upstream_failed'],
    [200, session({ Expiration: 'tomorrow' }), 'upstream_failed'],
    [200, session() + session(), 'upstream_failed'],
    [200, session().slice(0, -20), 'upstream_failed'],
  ] as const)
    test(`that is answered ${status} ${body.slice(0, 90)} is ${code}, and nothing of it is repeated`, async () => {
      const thrown = await mint(played([status, body])).catch((one: unknown) => one)
      assert.ok(thrown instanceof StintError && thrown.code === code, String(thrown))
      assert.ok(!`${thrown.stack}${thrown.operatorDetail}`.includes(KEYS.secret_access_key))
    })

  for (const standing of [
    'a-plain-secret',
    '{"access_key_id":"AKIAIOSFODNN7EXAMPLE"}',
    '{"access_key_id":7,"secret_access_key":"x"}',
    '{',
  ])
    test(`cannot be made with ${standing}`, async () => {
      await assert.rejects(mint(played([200, session()]), orderOf(standing)), { code: 'credential_missing' })
    })
})

describe('the end of a session', () => {
  test('is a policy that denies it by name, once, and removes those of sessions long expired', async () => {
    const old = `lease_${'b'.repeat(20)}.until.1000`
    const coming = `lease_${'c'.repeat(20)}.until.9999999999`
    const io = played([200, session()], [200, listed('all', old, coming, 'lease_x.until.1x')], [200, DELETED], [200, PUT])
    const issued = await mint(io)
    assert.deepEqual(await minting.revoke(issued, io), {})
    const names = io.asked.map((asked) => [asked.get('Action'), asked.get('PolicyName')])
    const mine = `${LEASE}.until.${Math.ceil(Number(issued.handle.expires_at) / 1000)}`
    assert.deepEqual(names.slice(2), [
      ['DeleteRolePolicy', old],
      ['PutRolePolicy', mine],
    ])
    assert.deepEqual(JSON.parse(io.asked[3]?.get('PolicyDocument') ?? '').Statement, {
      ...{ Effect: 'Deny', Action: '*', Resource: '*' },
      Condition: { StringLike: { 'aws:userid': `*:${LEASE}` } },
    })
    const again = played([200, listed(mine)])
    assert.deepEqual(await minting.revoke(issued, again), {})
    assert.equal(again.asked.length, 1)
  })

  for (const [what, answers] of Object.entries({
    'may not be listed': [[403, error('AccessDenied')]],
    'may not be written': [
      [200, listed()],
      [403, error('AccessDenied')],
    ],
    'are as many as there can be': [
      [200, listed()],
      [409, error('LimitExceeded')],
    ],
  } as const))
    test(`comes by itself where policies ${what}`, async () => {
      const issued = await mint()
      assert.deepEqual(await minting.revoke(issued, played(...answers)), { irrevocableUntil: Number(issued.handle.expires_at) })
    })

  for (const [status, body, saw] of [
    [403, '<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>', 'refused'],
    [401, '<Response><Errors><Error><Code>AuthFailure</Code></Error></Errors></Response>', 'refused'],
    [400, error('RequestExpired'), 'upstream_failed'],
    [503, error('UnauthorizedOperation'), 'upstream_failed'],
    [403, '<html>UnauthorizedOperation</html>', 'upstream_failed'],
    [200, '<DescribeRegionsResponse>', 'upstream_failed'],
    [200, '<DescribeRegionsResponse></DescribeRegionsResponse>', 'live'],
  ] as const)
    test(`is seen by a probe that is answered ${status} ${body.slice(0, 80)}: ${saw}`, async () => {
      const seen = await minting.probe(await mint(), played([status, body])).catch((thrown: StintError) => thrown.code)
      assert.equal(seen, saw)
    })
})

describe('a failure is no end of a session', () => {
  for (const [what, answers] of Object.entries({
    'listing policies': [
      [500, error('ServiceFailure')],
      [200, PUT],
    ],
    'writing the policy': [
      [200, listed()],
      [400, error('Throttling')],
    ],
    'removing an old policy': [
      [200, listed(`lease_${'b'.repeat(20)}.until.1`)],
      [400, error('Throttling')],
      [200, PUT],
    ],
  } as const))
    test(what, async () => {
      await assert.rejects(minting.revoke(await mint(), played(...answers)), { code: 'upstream_failed' })
    })
})

describe('a request is signed again', () => {
  test('with its path and query escaped as AWS reckons, and without the signature it came with', async () => {
    const signer = minting.place(await mint()).find((one) => one.kind === 'sign')
    const operation = { ...s3('GET', '/acme/a+(b)!', 'prefix=x+y&list-type'), host: 's3.amazonaws.com' }
    const headers = [
      'host',
      's3.amazonaws.com',
      'x-amz-security-token',
      'token',
      'x-amz-date',
      'old',
      'date',
      'old',
      'accept',
      '*/*',
    ]
    const signed = await signer?.sign({ operation, headers })
    assert.equal(signed?.path, '/acme/a%2B%28b%29%21?prefix=x%20y&list-type=')
    assert.ok(!signed?.headers.includes('old') && !signed?.headers.includes('token'))
    assert.match(
      signed?.headers.join(' ') ?? '',
      new RegExp(`Credential=${SESSION.AccessKeyId}/\\d{8}/${REGION}/s3/aws4_request`),
    )
    assert.match(signed?.headers.join(' ') ?? '', /SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token/)
  })
})

describe('an AWS target', () => {
  test('on a host that is not AWS’s holds to its regions all the same', () => {
    const here = { ...signed('s3', { host: 'minio.test' }, 'us-east-1') }
    assert.throws(() => aws.describe(here, target), /does not allow the region/)
  })

  for (const [what, change, words] of [
    ['no role', { settings: { regions: [REGION] } }, /role_arn is missing/],
    ['no region', { settings: { role_arn: target.settings?.role_arn ?? '' } }, /regions is missing/],
    ['an endpoint in the clear', { settings: { ...target.settings, endpoint: 'http://a.test' } }, /endpoint takes an https/],
    ['no credential', { credentialId: undefined as unknown as string }, /credentialId/],
    ['a role that is a pattern', { settings: { ...target.settings, role_arn: 'arn:aws:iam::123456789012:role/*' } }, /role_arn/],
  ] as const satisfies readonly (readonly [string, Partial<Target>, RegExp])[])
    test(`with ${what} is refused`, () => {
      assert.throws(() => checkTarget({ ...target, ...change }, CONNECTORS), words)
    })
})

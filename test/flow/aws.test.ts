import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { finish, startStint } from '../fakes/stint.ts'
import { succeed } from '../fakes/world.ts'
import { standingOf } from '../providers/aws.ts'
import { REGION, ROLE, startMoto } from '../services/moto.ts'
import { findPython } from '../services/python.ts'
import { serviceOrSkip } from '../services/service.ts'

/** AWS's own client, told where the emulator is and nothing of keys: those in its environment are Stint's placeholders. */
const SCRIPT = `
import json, os, sys, urllib.request
import boto3
from botocore.exceptions import ClientError
from boto3.s3.transfer import TransferConfig
assert os.environ['AWS_SECRET_ACCESS_KEY'] == 'stint-placeholder' and 'AWS_SESSION_TOKEN' not in os.environ
client = lambda service: boto3.client(service, endpoint_url=sys.argv[1], region_name=sys.argv[2])
s3, table = client('s3'), client('dynamodb')
out = {'arn': client('sts').get_caller_identity()['Arn']}
out['read'] = s3.get_object(Bucket='acme', Key='docs/a +(b).txt')['Body'].read().decode()
s3.put_object(Bucket='acme', Key="new/it's ä+b.txt", Body=b'put')
out['listed'] = [one['Key'] for one in s3.list_objects_v2(Bucket='acme', Prefix='new/')['Contents']]
with open('large', 'wb') as file: file.write(os.urandom(6_000_000))
s3.upload_file('large', 'acme', 'large', Config=TransferConfig(multipart_threshold=5_300_000, multipart_chunksize=5_300_000))
s3.download_file('acme', 'large', 'back')
out['same'] = open('large', 'rb').read() == open('back', 'rb').read()
url = s3.generate_presigned_url('get_object', Params={'Bucket': 'acme', 'Key': 'docs/a +(b).txt'})
out['presigned'] = urllib.request.urlopen(url).read().decode()
table.create_table(TableName='orders', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
  AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}])
table.put_item(TableName='orders', Item={'id': {'S': '1'}, 'what': {'S': 'kettle'}})
out['item'] = table.get_item(TableName='orders', Key={'id': {'S': '1'}})['Item']['what']['S']
try: client('sts').assume_role(RoleArn='${ROLE}', RoleSessionName='mine')
except ClientError as error: out['assumed'] = str(error)
try: s3.put_object(Bucket='acme', Key='public', Body=b'x', ACL='public-read')
except ClientError as error: out['public'] = str(error)
try: boto3.client('kms', endpoint_url=sys.argv[1], region_name='us-east-1').list_keys()
except ClientError as error: out['elsewhere'] = str(error)
print(json.dumps(out))
`

/** What the script does, as IAM has it: reading and heading an object are one, and so are the ways to put it. */
const SESSIONS = ['GetCallerIdentity', 'GetObject', 'PutObject', 'ListBucket', 'CreateTable', 'PutItem', 'GetItem']

const moto = await startMoto()
const client = await serviceOrSkip(() => findPython('boto3'))

describe('AWS’s own client under a task', { skip: moto.skip || client.skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'stint-aws-'))
  after(async () => {
    if (moto.skip === false) await moto.running.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  test('works with placeholder keys, in sessions that bear leases, and none of them works after it', async () => {
    await using opened = new AsyncDisposableStack()
    const { origin, call } = moto.running
    const stint = await startStint({})
    opened.defer(() => stint.stop())
    const settings = [`role_arn=${ROLE}`, `regions=${REGION}`, `endpoint=${origin}`].flatMap((one) => ['--set', one])
    const place = [
      '--host',
      origin,
      '--private-network',
      '127.0.0.0/8',
      '--credential',
      'aws-stint',
      '--environment',
      'development',
    ]
    await succeed(stint.cli(['credential', 'add', 'aws-stint'], standingOf(moto.running).reveal()))
    await succeed(stint.cli(['target', 'add', 'aws', '--connector', 'aws', ...place, ...settings]))
    writeFileSync(join(directory, 'use.py'), SCRIPT)
    const python = client.running
    const prefix = execFileSync(python, ['-c', 'import sys; print(sys.prefix)'], { encoding: 'utf8' }).trim()
    const wish = ['--task', 'exercise Stint', '--target', 'aws', '--ttl', '5m', '--show', prefix]
    const child = stint.spawn(['run', ...wish, '--', python, 'use.py', origin, REGION], {
      cwd: directory,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const { stdout } = await succeed(finish(child))
    const {
      arn,
      assumed,
      public: bared,
      elsewhere,
      ...out
    } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>
    assert.deepEqual(out, {
      ...{ read: 'kettle', listed: ["new/it's ä+b.txt"], same: true, presigned: 'kettle', item: 'kettle' },
    })
    assert.match(String(arn), /^arn:aws:sts::123456789012:assumed-role\/stint-agents\/lease_[a-z2-7]+$/)
    assert.match(String(assumed), /AccessDenied.*keys to the workload/)
    assert.match(String(bared), /AccessDenied.*gives others access/)
    assert.match(String(elsewhere), /AccessDenied.*does not allow the region us-east-1/)
    const mine = /lease_[a-z2-7]+/.exec(String(arn))?.[0] ?? ''
    const list = { service: 'iam', method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } }
    for (;;) {
      const policies = await call({ ...list, body: 'Action=ListRolePolicies&RoleName=stint-agents' })
      const denied: readonly string[] = policies.match(/lease_[a-z2-7]+(?=\.until\.)/g) ?? []
      if (denied.length >= SESSIONS.length) {
        assert.ok(denied.includes(mine))
        assert.equal(new Set(denied).size, SESSIONS.length, `one session for each of ${SESSIONS}`)
        break
      }
      await new Promise((done) => setTimeout(done, 100))
    }
  })
})

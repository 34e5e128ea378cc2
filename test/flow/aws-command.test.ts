import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Finished, finish, type Installation, startStint } from '../fakes/stint.ts'
import { succeed } from '../fakes/world.ts'
import { standingOf } from '../providers/aws.ts'
import { REGION, ROLE, startMoto } from '../services/moto.ts'
import { findPython } from '../services/python.ts'
import { serviceOrSkip } from '../services/service.ts'

/** AWS's command line, told where the emulator is and nothing of keys. Parts of 8 MB are its own choice. */
const THROUGH = `
aws configure list | grep access_key
aws sts get-caller-identity --query Arn --output text
aws s3 cp --quiet 's3://acme/docs/a +(b).txt' got && cat got && echo
head -c 9000000 /dev/urandom > large
aws s3 cp --quiet large 's3://acme/new/its ä+b' && aws s3 cp --quiet 's3://acme/new/its ä+b' back && cmp large back && echo same
aws s3 ls s3://acme/new/
aws s3 rm 's3://acme/docs/a +(b).txt'; echo "removed: $?"
aws kms list-keys --region us-east-1; echo "elsewhere: $?"
`

/** A session that it is handed, used around the gateway: the emulator refuses by the session's own policy. */
const AROUND = `
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
aws configure list --profile aws | grep access_key
aws s3 cp --quiet 's3://acme/docs/a +(b).txt' - --profile aws && echo
aws s3 cp --only-show-errors got s3://acme/docs/b --profile aws; echo "put: $?"
`

const moto = await startMoto()
const client = await serviceOrSkip(() => findPython('awscli'))

describe('AWS’s own command line under a task', { skip: moto.skip || client.skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'stint-aws-'))
  let stint: Installation
  let prefix: string
  before(async () => {
    stint = await startStint()
    prefix = execFileSync(client.running, ['-c', 'import sys; print(sys.prefix)'], { encoding: 'utf8' }).trim()
    await succeed(stint.cli(['credential', 'add', 'aws'], standingOf(moto.running).reveal()))
  })
  after(async () => {
    await stint.stop()
    await moto.running.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  async function declare(...options: readonly string[]): Promise<void> {
    const { origin } = moto.running
    const place = ['--host', origin, '--private-network', '127.0.0.0/8', '--environment', 'development']
    const settings = [`role_arn=${ROLE}`, `regions=${REGION}`, `endpoint=${origin}`].flatMap((one) => ['--set', one])
    const declared = ['--connector', 'aws', '--credential', 'aws', ...place, ...settings, ...options]
    await succeed(stint.cli(['target', 'add', 'aws', ...declared]))
  }

  function run(script: string, options: readonly string[]): Promise<Finished> {
    const told = `export PATH='${prefix}/bin':"$PATH" AWS_ENDPOINT_URL=${moto.running.origin} AWS_REGION=${REGION} AWS_DEFAULT_REGION=${REGION}`
    writeFileSync(join(directory, 'use.sh'), `${told}\n${script}`)
    const wish = ['--task', 'exercise Stint', '--target', 'aws', '--ttl', '5m', ...options]
    return finish(stint.spawn(['run', ...wish, '--', 'sh', 'use.sh'], { cwd: directory, stdio: ['pipe', 'pipe', 'pipe'] }))
  }

  test('works with placeholder keys, and is refused what deletes and another region', async () => {
    await declare()
    const { stdout, stderr } = await succeed(run(THROUGH, ['--show', prefix]))
    const [key, arn, ...lines] = stdout.trim().split('\n')
    assert.match(key ?? '', /\*lder +env\b/, 'of stint-placeholder')
    assert.match(arn ?? '', /^arn:aws:sts::123456789012:assumed-role\/stint-agents\/lease_[a-z2-7]+$/)
    assert.deepEqual([lines[0], lines[1]], ['kettle', 'same'])
    assert.match(lines[2] ?? '', / 9000000 its ä\+b$/)
    assert.deepEqual(lines.slice(3), ['removed: 1', 'elsewhere: 255'])
    assert.match(stderr, /AccessDenied\) when calling the DeleteObject operation: Stint: Destructive actions are forbidden/)
    assert.match(
      stderr,
      /AccessDeniedException\) when calling the ListKeys operation: Stint: .*does not allow the region us-east-1/,
    )
    await succeed(stint.cli(['target', 'remove', 'aws']))
  })

  test('is handed a session by credential_process, of what the task names and no more', async () => {
    await declare('--hand-out')
    const actions = ['aws:s3::GetObject', 'aws:Credential::hand-out'].flatMap((one) => ['--action', one])
    const { stdout, stderr } = await succeed(run(AROUND, ['--sandbox', 'off', ...actions]))
    const [key, ...lines] = stdout.trim().split('\n')
    assert.match(key ?? '', / custom-process\b/)
    assert.deepEqual(lines, ['kettle', 'put: 1'])
    assert.match(stderr, /upload failed: .*AccessDenied\) when calling the PutObject operation/)
  })
})

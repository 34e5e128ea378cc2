import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import { curl, exchange, proofFor, type Rig, startRig } from './rig.ts'

const ID = `approval_${'a'.repeat(30)}`
const place = (id: string): string => `http://stint.invalid/approvals/${id}`

let rig: Rig
const asked: string[] = []
before(async () => {
  rig = await startRig({
    targets: [],
    async approvalStatus({ taskId }, { id, url }) {
      asked.push(`${taskId} ${id} ${url}`)
      if (id !== ID) throw new StintError('not_found', `there is no approval ${id}`)
      return { told: { task: { status: asked.length > 1 ? 'denied' : 'pending' } } }
    },
  })
})
after(() => rig.stop())

const get = (id: string, ...more: readonly string[]) =>
  exchange(rig, `GET ${place(id)} HTTP/1.1`, 'Host: stint.invalid', ...more, 'Connection: close', '', '')

test('a task is told how far its question is, and how long to wait while it is pending', async () => {
  const pending = await get(ID)
  assert.equal(pending.status, 200)
  assert.match(pending.head, /^retry-after: \d+$/im)
  assert.match(pending.head, /^cache-control: no-store$/im)
  assert.deepEqual(JSON.parse(pending.body), { task: { status: 'pending' } })
  assert.deepEqual(asked, [`task_1 ${ID} ${place(ID)}`])
  assert.doesNotMatch((await get(ID)).head, /retry-after/i, 'nothing is left to wait for')
})

test('a DPoP-bound token is proved at the very address; who shows nothing is asked to, and learns nothing', async () => {
  const proxy = ['--proxy', `http://127.0.0.1:${rig.port}`]
  const proved = await curl(...proxy, ...proofFor('GET', place(ID)), place(ID))
  assert.deepEqual(JSON.parse(proved.stdout), { task: { status: 'denied' } })
  const count = asked.length
  for (const proof of [[], proofFor('GET', place(`approval_${'b'.repeat(30)}`))]) {
    const { stdout } = await curl(...proxy, ...proof, '-o', '/dev/null', '-w', '%{http_code}', place(ID))
    assert.equal(stdout, '407')
  }
  assert.equal(asked.length, count)
})

test('what is no id, and any method but GET, is refused before anything is looked up', async () => {
  const unknown = await get(`approval_${'b'.repeat(30)}`)
  assert.deepEqual([unknown.status, JSON.parse(unknown.body).code], [404, 'not_found'])
  const count = asked.length
  for (const id of ['', 'x', `${ID}/x`, `${ID}0`]) assert.equal((await get(id)).status, 404)
  const posted = await exchange(
    rig,
    `POST ${place(ID)} HTTP/1.1`,
    'Host: stint.invalid',
    'Content-Length: 2',
    'Connection: close',
    '',
    'no',
  )
  assert.deepEqual([posted.status, JSON.parse(posted.body).code], [403, 'unknown_action'])
  assert.equal(asked.length, count)
})

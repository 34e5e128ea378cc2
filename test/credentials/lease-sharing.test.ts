import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeaseRecord } from '../../src/credentials/lease-record.ts'
import { createSharing } from '../../src/credentials/lease-sharing.ts'
import { MINTED } from './leases-rig.ts'

const record = (change: Partial<LeaseRecord> = {}): LeaseRecord => ({
  ...{ id: 'lease_a', state: 'minting', keeper: 'local', taskId: 'task_1', owner: 'alice', callerId: 'c' },
  ...{ target: { ...MINTED }, grant: { key: 'read', reach: ['reads'], terms: {} }, coveredBy: ['all', 'task:task_1'] },
  ...{ handle: {}, requestedAt: 1, expiresAt: 2, attempts: 0, sightings: [], ...change },
})

test('equal targets, grants and selectors of many leases are one object, and others are not', () => {
  const share = createSharing()
  const first = share(record())
  const second = share(record({ id: 'lease_b' }))
  const other = share(
    record({ grant: { key: 'read', reach: ['reads'], terms: { path: '/' } }, coveredBy: ['all', 'task:task_2'] }),
  )
  assert.deepEqual([first, second], [record(), record({ id: 'lease_b' })], 'nothing is changed by it')
  for (const part of ['target', 'grant', 'coveredBy'] as const) assert.equal(first[part], second[part])
  assert.equal(other.target, first.target)
  assert.notEqual(other.grant, first.grant)
  assert.notEqual(other.coveredBy, first.coveredBy)
})

import assert from 'node:assert/strict'
import type { ObtainVerbs } from '../../src/credentials/obtain.ts'

/** For tests of targets that mint nothing: whoever asks for it fails the test. */
export const NOTHING_MINTED: Pick<ObtainVerbs, 'leases' | 'isAllowed' | 'usableUntil' | 'report'> = {
  leases: {
    issue: () => assert.fail('nothing is minted here'),
    endOne: () => assert.fail('nothing is minted here'),
    doubt: () => assert.fail('nothing is minted here'),
    end: () => [],
  },
  isAllowed: () => true,
  usableUntil: () => Number.POSITIVE_INFINITY,
  report: (thrown) => assert.fail(String(thrown)),
}

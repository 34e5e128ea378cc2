import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ROUTES } from '../../src/api/routes.ts'
import type { Caller } from '../../src/model.ts'
import { parseSchema } from '../../src/policy/cedar.ts'
import { checkPolicies, testPolicies } from '../../src/policy/check.ts'
import { createDecider } from '../../src/policy/decide.ts'
import { readPolicyFiles } from '../../src/policy/directory.ts'
import { makePolicySet } from '../../src/policy/policy-set.ts'
import { requestOnStint } from '../../src/policy/request.ts'
import { schemaText } from '../../src/policy/schema.ts'
import { STARTER_DIRECTORY } from '../../src/policy/starter.ts'
import { caller, NOON } from './sample.ts'

const made = makePolicySet(await readPolicyFiles(STARTER_DIRECTORY))
assert.ok('hash' in made)
const { decide } = createDecider(made, (error) => assert.fail(String(error)))
const gates = ROUTES.flatMap(({ gate, path }) => (gate === undefined ? [] : [{ ...gate, path }]))

const AS: Readonly<Record<string, Caller>> = {
  operator: withoutTask({ ...caller, id: 'spiffe://stint.local/operator', proof: 'operator-socket' }),
  task: { ...caller, taskId: 'task_1' },
  webhook: withoutTask({ ...caller, id: 'spiffe://stint.local/webhook/oncall', proof: 'webhook' }),
  federated: withoutTask({ ...caller, id: 'spiffe://stint.local/ci/app', proof: 'federated', issuer: 'https://ci.example.com' }),
}

describe('the starter policies', () => {
  test('are valid and pass their own tests', async () => {
    assert.ok((await checkPolicies(STARTER_DIRECTORY)).permits > 0)
    const results = await testPolicies(STARTER_DIRECTORY)
    assert.deepEqual(
      results.filter(({ problems }) => problems.length > 0),
      [],
    )
  })

  test('let each route of the API do what its own table says, and no caller more', () => {
    for (const { action, access, who, path } of gates) {
      const resource = path.replace('/v1/', '').replace(':id', 'task_1')
      for (const [name, one] of Object.entries(AS)) {
        const { effect } = decide(requestOnStint(one, { id: action, access, resource, parameters: {} }, NOON))
        const may = name === 'operator' || (who as readonly string[]).includes(name) // whose socket proves all but a webhook
        assert.equal(effect, may ? 'allow' : 'deny', `${name} ${action}`)
      }
    }
  })
})

describe('the schema', () => {
  test('lists exactly the acts that the API has', () => {
    const declared = Object.keys(parseSchema(schemaText)['']?.actions ?? {}).filter((id) => id.startsWith('stint:'))
    assert.deepEqual([...declared].sort(), [...new Set(gates.map(({ action }) => action))].sort())
  })
})

function withoutTask({ taskId: _, ...one }: Caller): Caller {
  return one
}

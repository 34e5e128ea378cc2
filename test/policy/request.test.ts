import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Caller } from '../../src/model.ts'
import { isInScope, requestOnStint } from '../../src/policy/request.ts'
import { misfit } from '../../src/policy/schema.ts'
import { action, caller, requestWith } from './sample.ts'

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor', '', '*', '\ud800'))

describe('scope', () => {
  test('names a target, and an action exactly, by a prefix that ends in a star, or all by a star', () => {
    const holds = (actions: string[], id: string): boolean => isInScope({ targets: ['t'], actions }, 't', id)
    assert.ok(holds(['http:GET'], 'http:GET'))
    assert.ok(holds(['github:Issue::*'], 'github:Issue::list'))
    assert.ok(holds(['*'], 'anything'))
    assert.ok(!holds(['http:GET'], 'http:GETX'))
    assert.ok(!holds(['github:Issue::*'], 'github:Issue:list'))
    assert.ok(!holds(['http:*ET'], 'http:GET'))
    assert.ok(!holds([], 'http:GET'))
    assert.ok(!isInScope({ targets: ['*'], actions: ['*'] }, 't', 'http:GET'))
    assert.ok(!isInScope({ targets: [], actions: ['*'] }, 't', 'http:GET'))
  })
})

describe('a request on a target', () => {
  test('fits the schema whatever names, labels and parameters it is made of', () => {
    const names = fc.dictionary(text, fc.oneof(text, fc.array(text)))
    fc.assert(
      fc.property(
        text,
        names,
        fc.array(text),
        fc.dictionary(text, text),
        fc.option(text, { nil: undefined }),
        (word, parameters, labels, claims, ticket) => {
          const asked = requestWith({
            caller: { id: word, claims, actors: labels },
            task: { purpose: word, labels, ...(ticket === undefined ? {} : { ticket }) },
            target: { id: word, labels },
            action: { id: `http:${word}`, resource: word, parameters },
          })
          assert.equal(misfit(asked), undefined)
        },
      ),
    )
  })

  test('names its members in code unit order, so that its digest is spelled in one go', () => {
    const inOrder = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      if (!Array.isArray(value)) assert.deepEqual(Object.keys(value), Object.keys(value).toSorted())
      for (const member of Object.values(value)) inOrder(member)
    }
    for (const asked of [requestWith({ task: { ticket: 'OPS-1' } }), requestWith(), requestOnStint(caller, action, 0)]) {
      inOrder([asked.principal, asked.resource, asked.context])
    }
  })

  test('says what the task, the target, the caller and the clock are', () => {
    const { principal, resource, context, risk } = requestWith({
      task: { ticket: 'OPS-1', labels: ['l'], parentId: 'task_0' },
      caller: { claims: { repository: 'acme/app' }, actors: ['spiffe://a/b'] },
      target: { labels: ['pci'] },
      action: { parameters: { ref: ['refs/heads/a', 'refs/heads/b'], 'a=b%': 'c=d' } },
    })
    assert.deepEqual(principal, { type: 'Workload', id: caller.id })
    assert.deepEqual(resource, { type: 'Target', id: 'system' })
    assert.deepEqual(context.parameters, ['ref=refs/heads/a', 'ref=refs/heads/b', 'a%3Db%25=c=d'])
    assert.deepEqual(context.claims, ['repository=acme/app'])
    assert.deepEqual(context.time, {
      epochSeconds: 1_767_700_800,
      hour: 12,
      weekday: { __entity: { type: 'Weekday', id: 'tuesday' } },
    })
    assert.equal(context.ticket, 'OPS-1')
    assert.equal(context.isChild, true)
    assert.equal(context.risk, risk.score)
    assert.deepEqual(context.taskLabels, ['l'])
    assert.deepEqual(context.targetLabels, ['pci'])
  })

  test('cannot be given a parameter that reads like another by putting the sign between into its name', () => {
    const honest = requestWith({ action: { parameters: { a: 'b=c' } } }).context.parameters
    const sly = requestWith({ action: { parameters: { 'a=b': 'c' } } }).context.parameters
    assert.notDeepEqual(honest, sly)
  })
})

describe('a request on Stint', () => {
  const act = { ...action, id: 'stint:Task::end', access: 'write' as const }

  test('is the caller’s own only on the task it acts under', () => {
    const own = (taskId: string | undefined, resource: string): unknown => {
      const { taskId: _, ...anyone } = caller
      return requestOnStint(taskId === undefined ? anyone : { ...anyone, taskId }, { ...act, resource }, 0).context.ownTask
    }
    assert.equal(own('task_1', 'tasks/task_1'), true)
    assert.equal(own('task_1', 'tasks/task_1/end'), true)
    assert.equal(own('task_1', 'tasks/task_12'), false)
    assert.equal(own('task_1', 'tasks/task_2'), false)
    assert.equal(own('task_1', 'tasks'), false)
    assert.equal(own(undefined, 'tasks/undefined'), false)
    assert.equal(own('', 'tasks/'), false)
  })

  test('comes from an operator only over the operator socket, and never from inside a task', () => {
    const { taskId: _, ...outside } = caller
    const typeOf = (one: Caller): string => requestOnStint(one, act, 0).principal.type
    assert.equal(typeOf({ ...outside, proof: 'operator-socket' }), 'Operator')
    assert.equal(typeOf({ ...caller, proof: 'operator-socket' }), 'Workload')
    for (const proof of ['sandbox', 'process-tree', 'run-secret', 'federated'] as const) {
      assert.equal(typeOf({ ...outside, proof }), 'Workload')
    }
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Undo } from '../../../src/credentials/connector.ts'
import { kubernetes } from '../../../src/credentials/connectors/kubernetes.ts'
import { readUndo, spellUndo } from '../../../src/credentials/undo.ts'
import type { Operation } from '../../../src/model.ts'

const PODS = '/api/v1/namespaces/web/pods'
const UID = '0b1f8f0e-6c4e-4b43-9a0e-2f6f0f6b1c11'
const BODY = `{"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"${UID}"},"propagationPolicy":"Background"}`

/** What is noted of a request and the metadata, or the whole text, that it was answered with. */
function noted(line: string, answered: object | string, status = 201): Undo[] {
  const [method = '', url = ''] = line.split(' ')
  const [path = '', query = ''] = url.split('?')
  const place = { scheme: 'https', host: 'kubernetes.example.com', port: 6443 } as const
  const asked: Operation = { ...place, method, path, query, headers: {} }
  const action = kubernetes.describe(asked, kubernetes.example.target)
  const undos: Undo[] = []
  const reader = kubernetes.undoOf?.({ asked, status, headers: {} }, action, (undo) => undos.push(undo))
  const text = typeof answered === 'string' ? answered : JSON.stringify({ kind: 'Pod', metadata: answered })
  const passed = [reader?.push(Buffer.from(text)), reader?.end()]
  if (reader !== undefined) assert.equal(Buffer.concat(passed.map((one) => one ?? Buffer.alloc(0))).toString(), text)
  return undos
}

test('nothing is undone of a type whose group Kubernetes does not come with: nobody knows what goes with it', () => {
  assert.deepEqual(noted('POST /apis/postgresql.cnpg.io/v1/namespaces/web/clusters', made), [])
  assert.deepEqual(noted('POST /api/v1/nodes', { ...made, namespace: undefined }), [])
  assert.equal(noted('POST /apis/networking.k8s.io/v1/namespaces/web/ingresses', made).length, 1)
})

const made = { name: 'a-1', namespace: 'web', uid: UID }

describe('the way back from what was made in Kubernetes', () => {
  test('deletes the object of that name and uid, wherever it was made, and is kept whole in the log', () => {
    const { namespace: _, ...global } = made
    for (const [line, metadata, path] of [
      [`POST ${PODS}`, made, `${PODS}/a-1`],
      [`POST ${PODS}?fieldManager=x`, { ...made, name: 'gen-x7k2p' }, `${PODS}/gen-x7k2p`],
      ['POST /apis/batch/v1/namespaces/web/jobs', made, '/apis/batch/v1/namespaces/web/jobs/a-1'],
      [
        'POST /apis/rbac.authorization.k8s.io/v1/clusterroles',
        { ...global, name: 'a:b' },
        '/apis/rbac.authorization.k8s.io/v1/clusterroles/a:b',
      ],
      [`PATCH ${PODS}/a-1?fieldManager=x&force=true`, made, `${PODS}/a-1`],
      [`PUT ${PODS}/a-1`, made, `${PODS}/a-1`],
    ] as const) {
      const [undo, ...more] = noted(line, metadata)
      assert.deepEqual([undo, more], [{ is: 'call', method: 'DELETE', path, body: BODY }, []], line)
      assert.deepEqual(undo && readUndo(spellUndo(undo) ?? {}), undo)
    }
  })

  for (const [what, line, answered, status] of [
    ['a change of what was there', `PATCH ${PODS}/a-1`, made, 200],
    ['a dry run', `POST ${PODS}?dryRun=All`, made],
    ['a dry run, whatever it is set to', `POST ${PODS}?dryRun`, made],
    ['a deletion', `DELETE ${PODS}/a-1`, made, 200],
    ['a part of an object', `POST ${PODS}/a-1/eviction`, made],
    ['a token', 'POST /api/v1/namespaces/web/serviceaccounts/a-1/token', made],
    ['a namespace, which others put things into', 'POST /api/v1/namespaces', { name: 'a-1', uid: UID }],
    ['a claim on a volume', 'POST /api/v1/namespaces/web/persistentvolumeclaims', made],
    ['a question, which is not kept', 'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {}],
    ['an answer without a uid', `POST ${PODS}`, { ...made, uid: undefined }],
    ['a uid that says more', `POST ${PODS}`, { ...made, uid: `${UID}"}` }],
    ['a name that is a path', `POST ${PODS}`, { ...made, name: '../../other/pods/a' }],
    ['a name of dots', `POST ${PODS}`, { ...made, name: '..' }],
    ['another name', `PUT ${PODS}/a-1`, { ...made, name: 'a-2' }],
    ['another namespace', `POST ${PODS}`, { ...made, namespace: 'kube-system' }],
    ['no JSON', `POST ${PODS}`, 'k8s\0binary'],
    ['a list', `POST ${PODS}`, '[{"metadata":{}}]'],
  ] as const)
    test(`is not known from ${what}`, () => {
      assert.deepEqual(noted(line, answered, status), [])
    })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import type { Connector, ConnectorSample } from '../../src/credentials/connector.ts'
import { CONNECTORS } from '../../src/credentials/connectors/index.ts'
import { StintError } from '../../src/errors.ts'
import type { Action, Operation } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { checkTarget } from '../../src/targets/check-target.ts'
import { TASK } from '../credentials/permit.ts'

/** What every connector promises. Each is driven by its own example. */
const VALUE = 'S3CRET-value'
const ACCESS = ['read', 'write', 'destructive', 'admin']
const NAMES = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf']

function operationOf({ example }: Connector, sample: ConnectorSample['operation']): Operation {
  const [rule] = example.target.hosts
  assert.ok(rule)
  return {
    scheme: rule.scheme === 'http' ? 'http' : 'https',
    host: rule.host,
    port: rule.port,
    query: '',
    headers: {},
    ...sample,
  }
}

/** As the gateway does it: no more of the body than the connector asked for. */
function describeAs(connector: Connector, operation: Operation): Action {
  const { body, ...rest } = operation
  const prefix = connector.bodyPrefix(rest, connector.example.target)
  assert.ok(Number.isInteger(prefix) && prefix >= 0 && prefix <= 1_048_576, `bodyPrefix ${prefix}`)
  const seen = prefix === 0 ? rest : { ...rest, body: (body ?? new Uint8Array()).subarray(0, prefix) }
  return connector.describe(seen, connector.example.target)
}

/** The action, or that it was refused; anything else fails the test. */
function actionOrRefusal(connector: Connector, operation: Operation): Action | undefined {
  try {
    return describeAs(connector, operation)
  } catch (thrown) {
    assert.ok(thrown instanceof StintError, inspect(thrown))
    assert.ok(['unknown_action', 'malformed_request', 'body_too_large'].includes(thrown.code), thrown.code)
    return undefined
  }
}

/** Whatever comes, a refusal is said in a bounded answer, or left to HTTP. */
function checkSpoken(connector: Connector, { body, ...rest }: Operation): void {
  const prefix = connector.bodyPrefix(rest, connector.example.target)
  const seen = prefix === 0 || body === undefined ? rest : { ...rest, body: body.subarray(0, prefix) }
  const spoken = connector.speakRefusal?.(seen, {
    status: 403,
    code: 'denied',
    line: 'Stint: no. Ask.',
    text: 'stint: no\nAsk.\n',
  })
  if (spoken === undefined) return
  assert.ok(spoken.status === 200 || (spoken.status >= 400 && spoken.status < 600), String(spoken.status))
  assert.match(spoken.contentType, /^application\/[a-z0-9.+-]+$/)
  assert.ok(spoken.body.length < 1_000_000, String(spoken.body.length))
  assert.match(Buffer.from(spoken.body).toString(), /Stint: no\. Ask\./)
}

function checkAction(action: Action): void {
  assert.match(action.id, /^[A-Za-z][A-Za-z0-9-]*(?::{1,2}[A-Za-z0-9_-]+)+$/)
  assert.ok(ACCESS.includes(action.access))
  assert.equal(typeof action.resource, 'string')
  for (const value of Object.values(action.parameters)) {
    assert.ok(typeof value === 'string' || (Array.isArray(value) && value.every((one) => typeof one === 'string')))
  }
}

for (const [kind, connector] of Object.entries(CONNECTORS))
  describe(`the connector ${kind}`, () => {
    const { example } = connector

    test('stands under its own kind, says what it is in one sentence, and its example is a valid target', () => {
      assert.equal(connector.kind, kind)
      assert.match(connector.summary, /^[A-Z][^\n]+\.$/)
      assert.equal(example.target.connector, kind)
      assert.deepEqual(checkTarget(example.target, CONNECTORS), example.target)
      assert.ok(example.unknown.length > 0)
      assert.ok(example.known.length > 0 || (connector.describeSession !== undefined && (example.sessions ?? []).length > 0))
      assert.notEqual(connector.obtain === undefined, connector.minting === undefined, 'it wraps or it mints')
    })

    for (const { operation, action } of example.known)
      test(`calls ${operation.method} ${operation.path} ${action.id}`, () => {
        const { id, access, resource, ...rest } = describeAs(connector, operationOf(connector, operation))
        assert.deepEqual({ id, access, resource }, action)
        checkAction({ id, access, resource, ...rest })
      })

    for (const { opening, action } of example.sessions ?? [])
      test(`${action === undefined ? 'refuses' : `calls ${action.id}`} a session ${JSON.stringify(opening)}`, () => {
        assert.ok(connector.describeSession)
        const named = (): Action | undefined => connector.describeSession?.(opening, example.target)
        if (action === undefined)
          return void assert.throws(named, (thrown) => thrown instanceof StintError && thrown.code === 'unknown_action')
        const { id = '', access, resource, parameters = {} } = named() ?? {}
        assert.deepEqual({ id, access, resource }, action)
        checkAction({ ...action, parameters })
      })

    for (const operation of example.unknown)
      test(`refuses ${operation.method} ${operation.path}`, () => {
        assert.throws(
          () => describeAs(connector, operationOf(connector, operation)),
          (thrown) => thrown instanceof StintError && thrown.code === 'unknown_action',
        )
      })

    test('tells policies what a segment with an escaped slash says, and takes that segment in one place only', () => {
      for (const { operation } of example.known) {
        const { path } = operation
        const segment = path.split('/').find((part) => part.includes('%2F'))
        assert.equal(connector.takesSlash?.(path) ?? false, segment !== undefined, path)
        if (segment === undefined) continue
        const { parameters } = describeAs(connector, operationOf(connector, operation))
        const said = Object.values(parameters).map((value) => String(value).toLowerCase())
        assert.ok(said.includes(decodeURIComponent(segment).toLowerCase()), `${path}: ${said}`)
        for (const more of [`${path}/a%2Fb`, `/a%2Fb${path}`, `/x${path}`])
          assert.equal(connector.takesSlash?.(more), false, more)
      }
    })

    test('refuses what asks to be taken for another method, and names what asks for another protocol, or refuses it', () => {
      for (const { operation } of example.known) {
        const { query = '', headers = {} } = operation
        const more = (change: object): Operation => operationOf(connector, { ...operation, ...change })
        for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override'])
          assert.equal(actionOrRefusal(connector, more({ headers: { ...headers, [name]: 'DELETE' } })), undefined, name)
        for (const one of ['_method=PURGE', 'a&%5FMethod=purge', '_HttpMethod=PURGE']) {
          const asked = more({ query: query === '' ? one : `${query}&${one}` })
          assert.equal(actionOrRefusal(connector, asked), undefined, asked.query)
        }
        const upgrade = actionOrRefusal(connector, more({ headers: { ...headers, upgrade: 'websocket' } }))
        assert.ok(upgrade === undefined || upgrade.id === 'http:UPGRADE', upgrade?.id)
      }
    })

    for (const name of NAMES)
      test(`takes ${name} for a method, a path or a header for nothing special`, () => {
        for (const change of [
          { method: name },
          { path: `/${name}` },
          { path: `/repos/${name}/${name}` },
          { query: `${name}=${name}` },
          { headers: { [name]: name } },
        ]) {
          const action = actionOrRefusal(connector, operationOf(connector, { method: 'POST', path: '/x', ...change }))
          if (action !== undefined) checkAction(action)
        }
        assert.equal(actionOrRefusal(connector, operationOf(connector, { method: name, path: '/' })), undefined)
      })

    test('answers or refuses whatever comes, never otherwise', () => {
      const sample = fc.constantFrom(...example.known.map(({ operation }) => operation), ...example.unknown)
      const path = fc
        .array(
          fc.oneof(fc.stringMatching(/^[!-~]{0,12}$/), fc.constantFrom('repos', 'git-receive-pack', 'info', 'refs', 'graphql')),
          { maxLength: 12 },
        )
        .map((parts) => `/${parts.join('/')}`)
      const change = fc.record(
        {
          method: fc.oneof(fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD'), fc.string()),
          path,
          query: fc.oneof(fc.constantFrom('', 'service=git-receive-pack', 'service=git-upload-pack'), fc.string()),
          headers: fc.dictionary(fc.string(), fc.string()),
          body: fc.oneof(
            fc.uint8Array({ maxLength: 300 }),
            fc.string().map((text) => new TextEncoder().encode(text)),
          ),
        },
        { requiredKeys: [] },
      )
      fc.assert(
        fc.property(sample, change, (known, changed) => {
          const operation = operationOf(connector, { ...known, ...changed })
          const action = actionOrRefusal(connector, operation)
          if (action !== undefined) checkAction(action)
          checkSpoken(connector, operation)
        }),
        { numRuns: 3000 },
      )
    })

    test('says a refusal of what it knows in the target’s protocol, or leaves it to HTTP', () => {
      for (const { operation } of example.known) checkSpoken(connector, operationOf(connector, operation))
    })

    test('bears a huge path, query and body', () => {
      const huge = 'a/'.repeat(500_000)
      const open = new TextEncoder().encode('{'.repeat(2_000_000))
      for (const { operation } of example.known)
        for (const change of [
          { path: `/${huge}` },
          { query: huge },
          { body: open },
          { body: new Uint8Array(2_000_000) },
          { body: new Uint8Array(2_000_000).fill(0x30) },
        ]) {
          const huge = operationOf(connector, { ...operation, ...change })
          actionOrRefusal(connector, huge)
          checkSpoken(connector, huge)
        }
    })

    const obtain = connector.obtain
    if (obtain === undefined) return

    test('obtains what its target’s placement asks for, or nothing, without showing the secret', async () => {
      const standing = new Secret(VALUE)
      let isShown = example.target.placement.kind === 'none'
      for (const { operation } of example.known) {
        const action = describeAs(connector, operationOf(connector, operation))
        const obtained = await obtain({ task: TASK, target: example.target, action, standing })
        const values = obtained.injections.map(({ value }) => value)
        assert.ok(values.length <= 1 && values.every((value) => value === standing))
        isShown ||= values.length === 1
        assert.doesNotMatch(inspect(obtained, { depth: null, showHidden: true }) + JSON.stringify(obtained), new RegExp(VALUE))
      }
      assert.ok(isShown, 'it is shown for something')
    })

    test('obtains nothing without a standing secret, and nothing at all where nothing is placed', async () => {
      const [known] = example.known
      assert.ok(known)
      const action = describeAs(connector, operationOf(connector, known.operation))
      const input = { task: TASK, target: example.target, action, standing: undefined }
      await assert.rejects(obtain(input), (thrown) => thrown instanceof StintError && thrown.code === 'credential_missing')
      const none = { ...example.target, placement: { kind: 'none' } } as const
      assert.deepEqual((await obtain({ ...input, target: none })).injections, [])
    })

    test('keeps leases of different shapes apart', async () => {
      const shapes = new Map<string, string>()
      for (const { operation } of example.known) {
        const action = describeAs(connector, operationOf(connector, operation))
        const { injections } = await obtain({ task: TASK, target: example.target, action, standing: new Secret(VALUE) })
        const shape: string = inspect(injections, { depth: null })
        const variant = connector.variant?.(action) ?? ''
        assert.equal(shapes.get(variant) ?? shape, shape)
        shapes.set(variant, shape)
      }
    })
  })

test('the index has no kind that is not its own', () => {
  for (const name of NAMES) assert.equal(Object.hasOwn(CONNECTORS, name), false)
})

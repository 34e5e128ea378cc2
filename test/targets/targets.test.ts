import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createHostTable } from '../../src/targets/host-table.ts'
import { createTargets } from '../../src/targets/targets.ts'
import { temporaryStore } from '../store/temporary.ts'
import { code, TARGET, targetOn } from './fixture.ts'

describe('targets', () => {
  test('are matched by scheme, host and port from memory, and are there after a restart', async (t) => {
    const { store } = await temporaryStore(t)
    const targets = await createTargets(store)
    const added = await targets.add(TARGET)
    const again = await createTargets(store)
    for (const one of [targets, again]) {
      assert.deepEqual(one.match('https', 'api.example.com', 443), added)
      assert.deepEqual(one.get('orders'), added)
      for (const [scheme, host, port] of [
        ['http', 'api.example.com', 443],
        ['https', 'api.example.com', 8443],
        ['https', 'example.com', 443],
        ['https', 'x.api.example.com', 443],
        ['https', 'api.example.com.', 443],
        ['https', '__proto__', 443],
      ] as const)
        assert.equal(one.match(scheme, host, port), undefined)
    }
    assert.equal(targets.match('https', 'api.example.com', 443), targets.match('https', 'api.example.com', 443))
  })

  test('one is replaced where it is as it was looked at, keeps its hosts, and who holds it open hears that it is gone', async (t) => {
    const { store } = await temporaryStore(t)
    const targets = await createTargets(store)
    const before = await targets.add(TARGET)
    const gone: string[] = []
    targets.onGone((id) => gone.push(id))
    const after = await targets.replace(before, { ...before, labels: ['looked-at'], hosts: [] })
    assert.deepEqual([after.labels, after.hosts, gone], [['looked-at'], before.hosts, ['orders']])
    assert.deepEqual((await createTargets(store)).get('orders'), after)
    await assert.rejects(targets.replace(before, { ...before, labels: ['too-late'] }), code('conflict'))
    await targets.remove('orders')
    await assert.rejects(targets.replace(after, after), code('conflict'))
  })

  test('a wildcard matches one label or more before its suffix, and not the suffix', async (t) => {
    const { store } = await temporaryStore(t)
    const targets = await createTargets(store)
    await targets.add(targetOn('wild', '*.Example.com'))
    const has = (host: string) => targets.match('https', host, 443)?.id === 'wild'
    assert.deepEqual(
      ['a.example.com', 'a.b.example.com', 'example.com', 'evilexample.com', '.example.com', 'example.com.evil.com'].map(has),
      [true, true, false, false, false, false],
    )
  })

  test('of two at once that want the same host, one gets it', async (t) => {
    const { store } = await temporaryStore(t)
    const targets = await createTargets(store)
    const [first, second] = await Promise.allSettled([targets.add(targetOn('a', 'x.test')), targets.add(targetOn('b', 'x.test'))])
    assert.deepEqual([first.status, second.status], ['fulfilled', 'rejected'])
    assert.deepEqual(
      targets.list().map(({ id }) => id),
      ['a'],
    )
  })

  for (const [what, taken, asked] of [
    ['the same host', 'x.example.com', 'x.example.com'],
    ['the same host in capitals', 'x.example.com', 'X.Example.COM'],
    ['a host under a wildcard', '*.example.com', 'x.example.com'],
    ['a wildcard over a host', 'x.example.com', '*.example.com'],
    ['a wildcard under a wildcard', '*.example.com', '*.eu.example.com'],
    ['a wildcard over a wildcard', '*.eu.example.com', '*.example.com'],
  ] as const)
    test(`${what} cannot belong to two targets`, async (t) => {
      const { store } = await temporaryStore(t)
      const targets = await createTargets(store)
      await targets.add(targetOn('first', taken))
      await assert.rejects(targets.add(targetOn('second', asked)), code('conflict', /first/))
      await targets.add(targetOn('third', `${asked}:8443`))
      await targets.remove('first')
      await targets.add(targetOn('second', asked))
    })

  test('one that is removed is matched no more, now and after a restart', async (t) => {
    const { store } = await temporaryStore(t)
    const targets = await createTargets(store)
    await targets.add(TARGET)
    await assert.rejects(targets.add(TARGET), code('conflict'))
    await targets.remove('orders')
    for (const one of [targets, await createTargets(store)]) {
      assert.equal(one.match('https', 'api.example.com', 443), undefined)
      assert.throws(() => one.get('orders'), code('not_found'))
    }
    await assert.rejects(targets.remove('orders'), code('not_found'))
  })

  test('a stored target that was changed to what would be refused stops the start', async (t) => {
    const { store } = await temporaryStore(t)
    await (await createTargets(store)).add(TARGET)
    for (const json of ['{}', 'null', '{"id":"orders"}', JSON.stringify({ ...TARGET, privateNetworks: ['0.0.0.0/0'] })]) {
      await store.write((tx) => tx.updateTable('targets').set({ target_json: json }).execute())
      await assert.rejects(createTargets(store), code('store_unavailable', /damaged/))
    }
  })
})

describe('tunnels', () => {
  test('are allowed by host and port, with wildcards, until they are removed', async (t) => {
    const { store } = await temporaryStore(t)
    const targets = await createTargets(store)
    await targets.addTunnel({ host: 'Telemetry.example.com', port: 443 })
    await targets.addTunnel({ host: '*.cdn.test', port: 443 })
    for (const one of [targets, await createTargets(store)]) {
      assert.equal(one.isTunnel('telemetry.example.com', 443), true)
      assert.equal(one.isTunnel('a.cdn.test', 443), true)
      assert.equal(one.isTunnel('cdn.test', 443), false)
      assert.equal(one.isTunnel('telemetry.example.com', 80), false)
      assert.deepEqual(
        one
          .tunnels()
          .map(({ host }) => host)
          .toSorted(),
        ['*.cdn.test', 'telemetry.example.com'],
      )
    }
    await assert.rejects(targets.addTunnel({ host: 'telemetry.example.com', port: 443 }), code('conflict'))
    await targets.removeTunnel({ host: 'telemetry.example.com', port: 443 })
    assert.equal(targets.isTunnel('telemetry.example.com', 443), false)
    await assert.rejects(targets.removeTunnel({ host: 'telemetry.example.com', port: 443 }), code('not_found'))
  })

  test('cannot bypass a target, and a target cannot be hidden by a tunnel', async (t) => {
    const { store } = await temporaryStore(t)
    const targets = await createTargets(store)
    await targets.add(TARGET)
    await targets.add({
      ...targetOn('clear', '10.0.0.1'),
      hosts: [{ scheme: 'http', host: '10.0.0.1', port: 80 }],
      privateNetworks: ['10.0.0.0/8'],
    })
    for (const [host, port] of [
      ['api.example.com', 443],
      ['*.example.com', 443],
      ['10.0.0.1', 80],
    ] as const)
      await assert.rejects(targets.addTunnel({ host, port }), code('conflict', /bypass/))
    await targets.addTunnel({ host: '*.cdn.test', port: 443 })
    await assert.rejects(targets.add(targetOn('cdn', 'a.cdn.test')), code('conflict', /tunnel/))
  })
})

test('the host table finds what a plain search through all rules finds', () => {
  const label = fc.constantFrom('a', 'b', 'c')
  const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
  const rule = fc.record({
    scheme: fc.constantFrom('http' as const, 'https' as const),
    host: fc.oneof(
      host,
      host.map((text) => `*.${text}`),
    ),
    port: fc.constantFrom(1, 2),
  })
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 12 }), rule, (rules, asked) => {
      const table = createHostTable<(typeof rules)[number]>()
      const kept: typeof rules = []
      for (const one of rules) {
        if (table.overlapping(one) !== undefined) continue
        table.add(one, one)
        kept.push(one)
      }
      const name = asked.host.replace('*.', '')
      const expected = kept.filter(
        (one) =>
          one.scheme === asked.scheme &&
          one.port === asked.port &&
          (one.host === name || (one.host.startsWith('*.') && name.endsWith(one.host.slice(1)))),
      )
      assert.ok(expected.length <= 1, 'rules that were let in overlap')
      assert.equal(table.find(asked.scheme, name, asked.port), expected[0])
      for (const one of kept) table.remove(one)
      assert.equal(table.find(asked.scheme, name, asked.port), undefined)
    }),
    { numRuns: 2000 },
  )
})

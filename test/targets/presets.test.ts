import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CONNECTORS } from '../../src/credentials/connectors/index.ts'
import type { Preset, Target } from '../../src/model.ts'
import { PRESETS, presetLabel, presetVariables } from '../../src/targets/presets.ts'
import { createTargets } from '../../src/targets/targets.ts'
import { temporaryStore } from '../store/temporary.ts'

const WITH_HOSTS = PRESETS.filter(({ hosts }) => hosts.length > 0)

function targetOf({ id, connector, hosts, environment, sensitivity, credential, placement }: Preset): Target {
  const own = credential === 'none' ? { placement: { kind: 'none' } as const } : { placement, credentialId: id }
  return { id, connector, hosts, environment, sensitivity, labels: [presetLabel(id)], privateNetworks: [], ...own }
}

describe('presets', () => {
  test('can all be added beside one another, each with a connector that exists', async (t) => {
    const { store } = await temporaryStore(t)
    const targets = await createTargets(store, CONNECTORS)
    for (const preset of WITH_HOSTS) await targets.add(targetOf(preset))
    assert.equal(targets.list().length, WITH_HOSTS.length)
    for (const preset of WITH_HOSTS)
      for (const { host } of preset.hosts) assert.equal(targets.match('https', host, 443)?.id, preset.id)
  })

  test('have one sentence, an id that is theirs alone, and a host or the question for one', () => {
    assert.equal(new Set(PRESETS.map(({ id }) => id)).size, PRESETS.length)
    for (const { id, summary, hosts, asks, placement, credential } of PRESETS) {
      assert.match(summary, /^[^.\n]+(?:\.[^\s.]+)*\.$|^[^\n]+[^.]\.$/, id)
      assert.equal(hosts.length === 0, asks.includes('host'), id)
      assert.equal(placement.kind === 'none', credential === 'none', id)
      assert.equal(asks.includes('username'), placement.kind === 'basic' && placement.username === '', id)
    }
  })

  test('name variables as programs do', () => {
    for (const { id, placeholderVariables } of PRESETS)
      for (const name of placeholderVariables) assert.match(name, /^[A-Z][A-Z0-9_]*$/, id)
  })

  test('lend a target the variables of the preset it was made from, and of no other', () => {
    const [first] = PRESETS
    assert.ok(first)
    assert.deepEqual(presetVariables(targetOf(first)), first.placeholderVariables)
    assert.deepEqual(presetVariables({ ...targetOf(first), labels: ['preset:', 'preset:none', 'x'] }), [])
  })
})

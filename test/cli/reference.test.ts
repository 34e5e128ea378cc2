import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { test } from 'node:test'
import { cliReference } from '../../src/cli/reference.ts'

test('docs/reference/cli.md shows every command, the exit codes, and nothing of this machine', () => {
  const text = cliReference()
  for (const command of ['stint', 'stint start', 'stint task end', 'stint revoke lift', 'stint completion'])
    assert.ok(text.includes(`## ${command}\n`), command)
  assert.ok(!text.includes('## stint complete\n'))
  assert.match(text, /\| 3 \| Stint is not running/)
  assert.ok(!text.includes(homedir()) && !text.includes(process.cwd()))
})

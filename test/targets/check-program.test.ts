import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mcp } from '../../src/credentials/connectors/mcp.ts'
import type { Target } from '../../src/model.ts'
import { checkTarget } from '../../src/targets/check-target.ts'
import { code, TARGET } from './fixture.ts'

const KINDS = { mcp, http: {} }
const PROGRAM: Target = {
  ...TARGET,
  connector: 'mcp',
  placement: { kind: 'env', name: 'FORGE_TOKEN' },
  settings: { command: 'forge-mcp', args: ['--stdio', 'a b'], env: ['A=b=c', 'B='], cwd: '/srv' },
}

describe('a target that is a program', () => {
  test('is taken with its arguments, its environment and the variable of its credential', () => {
    const { placement } = checkTarget(PROGRAM, KINDS)
    assert.deepEqual(placement, { kind: 'env', name: 'FORGE_TOKEN' })
    const environment = { A: 'b=c', B: '' }
    const program = { command: 'forge-mcp', args: ['--stdio', 'a b'], environment, directory: '/srv' }
    assert.deepEqual(mcp.programOf?.(PROGRAM), program)
    assert.equal(mcp.programOf?.(mcp.example.target), undefined)
  })

  const refused: readonly [what: string, target: Target, words: RegExp][] = [
    ['a credential in a header', { ...PROGRAM, placement: TARGET.placement }, /takes env:NAME/],
    ['a variable of Stint’s', { ...PROGRAM, placement: { kind: 'env', name: 'STINT_TASK' } }, /placement\.name/],
    ['a variable that is none', { ...PROGRAM, placement: { kind: 'env', name: 'A=B' } }, /placement\.name/],
    ['STINT_HOME in its environment', { ...PROGRAM, settings: { command: 'a', env: ['STINT_HOME=/tmp'] } }, /settings\.env/],
    ['a command of two lines', { ...PROGRAM, settings: { command: 'a\nb' } }, /settings\.command/],
    ['a relative directory', { ...PROGRAM, settings: { command: 'a', cwd: 'b' } }, /settings\.cwd/],
    ['arguments and no command', { ...PROGRAM, settings: { args: ['a'] } }, /settings\.args/],
    ['a variable and no program', { ...PROGRAM, settings: {} }, /takes env:NAME/],
    ['a variable of another connector', { ...PROGRAM, connector: 'http', settings: {} }, /takes env:NAME/],
  ]
  for (const [what, target, words] of refused)
    test(`with ${what} is refused`, () => assert.throws(() => checkTarget(target, KINDS), code('invalid_argument', words)))
})

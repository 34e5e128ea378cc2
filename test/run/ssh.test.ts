import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { admitSandbox } from '../../src/run/admit.ts'
import type { Cell } from '../../src/run/cell.ts'
import type { ShownTarget } from '../../src/run/environment.ts'
import { setUpSsh, sshDirectoryFor } from '../../src/run/ssh.ts'
import { isInstalled } from '../fakes/world.ts'
import { scratch } from './scratch.ts'

const { at } = scratch()
/** With what a shell and ssh_config would take for something else. */
const files = at('run 50% "$x"')
mkdirSync(files)

const targetOf = (id: string, host: string, port = 22, principals: readonly string[] = ['deploy']): ShownTarget => ({
  ...{
    id,
    connector: 'ssh',
    hosts: [{ scheme: 'ssh', host, port }],
    environment: 'development',
    sensitivity: 'internal',
    labels: [],
  },
  ...{ privateNetworks: [], placement: { kind: 'none' }, placeholderVariables: [], plugPoints: [] },
  settings: { principals, host_keys: ['ssh-ed25519 AAAAed', 'ssh-rsa AAAArsa host'] },
})

const cellOf = (more: Partial<Cell> = {}): Cell => ({
  ...{
    proof: 'sandbox',
    server: createServer(),
    proxy: new URL('http://127.0.0.1:4711'),
    admission: admitSandbox,
    wires: [],
    says: [],
  },
  ...{ filesAt: files, nodeAt: '/opt/no de', agent: { server: createServer(), path: `${files}/agent`, admission: admitSandbox } },
  start: () => assert.fail('nothing is started'),
  ...more,
})

/** How the real ssh reads the configuration. */
function readAs(host: string, ...options: readonly string[]): Record<string, string> {
  const text = execFileSync('ssh', ['-G', '-F', join(files, 'ssh', 'config'), ...options, host], { encoding: 'utf8' })
  return Object.fromEntries(text.split('\n').map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1)]))
}

describe('the configuration of ssh for a command', { skip: !isInstalled('ssh') && 'ssh is not installed' }, () => {
  const targets = [targetOf('web', 'web.example.com', 2222), targetOf('six', '[2001:db8::1]', 22, ['a', 'b'])]

  before(() => assert.equal(sshDirectoryFor(targets, files), join(files, 'ssh')))

  test('leads each target through the proxy, by its name and by its host’s, with keys of the agent alone', () => {
    const { variables, says } = setUpSsh(targets, cellOf(), files, false)
    for (const name of ['web', 'web.example.com']) {
      const read = readAs(name)
      assert.deepEqual([read.hostname, read.port, read.user], ['web.example.com', '2222', 'deploy'])
      assert.equal(read.hostkeyalgorithms, 'ssh-ed25519,rsa-sha2-512,rsa-sha2-256')
      assert.equal(read.identityagent, `${files}/agent`)
      assert.deepEqual([read.stricthostkeychecking, read.forwardagent, read.identityfile], ['true', 'no', 'none'])
      assert.equal(read.userknownhostsfile, join(files, 'ssh', 'known_hosts'))
    }
    assert.equal(readAs('web.example.com', '-p', '9').port, '9')
    const six = readAs('six')
    assert.equal(six.hostname, '2001:db8::1')
    assert.notEqual(six.user, 'a')
    assert.deepEqual(says, ['web: SSH, without a key (ssh web)', 'six: SSH, without a key (ssh six)'])
    assert.equal(variables.SSH_AUTH_SOCK, `${files}/agent`)
  })

  test('starts the connection with arguments that a shell passes on as they are', () => {
    setUpSsh(targets, cellOf({ nodeAt: process.execPath }), files, false)
    const command = (readAs('web').proxycommand ?? '').replaceAll('%%', '%').replace('%h', 'h').replace('%p', 'p')
    const told = execFileSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' }).split('\n')
    assert.deepEqual(told, [process.execPath, join(files, 'ssh', 'connect.mjs'), '4711', 'h', 'p', ''])
  })

  test('knows the declared host keys and no others', () => {
    setUpSsh(targets, cellOf(), files, false)
    const lines = [
      '[web.example.com]:2222 ssh-ed25519 AAAAed',
      '[web.example.com]:2222 ssh-rsa AAAArsa host',
      '2001:db8::1 ssh-ed25519 AAAAed',
      '2001:db8::1 ssh-rsa AAAArsa host',
    ]
    assert.equal(readFileSync(join(files, 'ssh', 'known_hosts'), 'utf8'), `${lines.join('\n')}\n`)
  })

  test('is named where ssh does not look for it, and leaves the user’s own in place where that is allowed', () => {
    const config = `ssh -F "${files.replaceAll(/["$]/g, '\\$&')}/ssh/config"`
    const bare = setUpSsh(targets, cellOf({ proof: 'process-tree' }), files, false)
    assert.equal(bare.says[0], `web: SSH, without a key (${config} web)`)
    assert.equal(bare.variables.GIT_SSH_COMMAND, config)
    const allowed = setUpSsh(targets, cellOf(), files, true)
    assert.deepEqual([allowed.says, allowed.variables], [bare.says, {}])
  })

  test('is none where there is no agent, or nothing to reach', () => {
    const without = setUpSsh(targets, cellOf({ agent: undefined }), files, false)
    assert.deepEqual([without.says[0], without.variables], ['web: not reached without a sandbox on this machine', {}])
    assert.deepEqual(setUpSsh([], cellOf(), files, false), { variables: {}, says: [] })
    const http = { ...targetOf('http', 'a'), hosts: [{ scheme: 'https', host: 'a', port: 443 } as const] }
    assert.deepEqual(setUpSsh([http], cellOf(), files, false), { variables: {}, says: [] })
    assert.equal(sshDirectoryFor([http], files), undefined)
  })
})

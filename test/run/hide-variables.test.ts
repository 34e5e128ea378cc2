import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hideVariables } from '../../src/run/hide-variables.ts'

const removedOf = (environment: Record<string, string>) => hideVariables(environment, [], []).removed

test('a variable whose name says it holds a secret is taken out', () => {
  const names = [
    ...[
      'GITHUB_TOKEN',
      'AWS_SECRET_ACCESS_KEY',
      'AWS_ACCESS_KEY_ID',
      'AWS_SESSION_TOKEN',
      'OPENAI_API_KEY',
      'ANTHROPIC_AUTH_TOKEN',
    ],
    ...[
      'DB_PASSWORD',
      'PGPASSWORD',
      'MYSQL_PWD',
      'SECRET',
      'client_secret',
      'NPM_TOKEN',
      'npm_config__auth',
      'SENTRY_DSN',
      'DEPLOY_KEY',
    ],
    ...[
      'npm_config_//registry.npmjs.org/:_authToken',
      'GPG_PASSPHRASE',
      'SSH_KEY_PASS',
      'STRIPE_KEY_SECRET',
      'GOOGLE_CREDENTIALS',
      'APIKEY',
    ],
    ...[
      'PRIVATE_KEY',
      'MYAPP_APIKEY',
      'GH_PAT',
      'SESSION_COOKIE',
      'TOKEN_1',
      'HTTP_AUTHORIZATION',
      'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
      'DBPASSWORD',
    ],
  ]
  const environment = Object.fromEntries(names.map((name) => [name, 'value']))
  assert.deepEqual(removedOf(environment), [...names].sort())
})

test('a variable whose value is a known kind of secret is taken out, whatever it is called', () => {
  const values = {
    A: `ghp_${'a1'.repeat(18)}`,
    B: `github_pat_${'a1'.repeat(20)}`,
    C: `glpat-${'a'.repeat(20)}`,
    D: `sk-ant-api03-${'a1'.repeat(20)}`,
    E: 'AKIAABCDEFGHIJKLMNOP',
    F: 'postgres://user:hunter2@db.example/app',
    G: 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl',
    H: '-----BEGIN OPENSSH PRIVATE KEY-----\nabc',
    I: 'Bearer abcdefghijkl',
    J: `xoxb-${'1'.repeat(12)}`,
    K: `npm_${'a1'.repeat(18)}`,
    L: `{"key": "AIza${'a1'.repeat(18)}"}`,
    M: `hvs.${'a'.repeat(24)}`,
    N: 'redis://:hunter2@cache:6379',
  }
  assert.deepEqual(removedOf(values), Object.keys(values))
})

test('a variable that leads to an agent, a socket or a credential file is taken out', () => {
  const values = {
    SSH_AUTH_SOCK: '/tmp/ssh',
    DBUS_SESSION_BUS_ADDRESS: 'unix:path=/run/x',
    DOCKER_HOST: 'tcp://h',
    KUBECONFIG: '/k',
    DISPLAY: ':0',
  }
  assert.deepEqual(removedOf(values), Object.keys(values).sort())
})

test('ordinary variables stay', () => {
  const ordinary = {
    ...{
      PATH: '/bin',
      HOME: '/home/u',
      PWD: '/x',
      OLDPWD: '/y',
      LANG: 'C.UTF-8',
      TERM: 'xterm',
      EDITOR: 'vi',
      SHELL: '/bin/sh',
      USER: 'u',
    },
    ...{
      KEYBOARD: 'de',
      MONKEY: '1',
      PASSENGER: '1',
      COMPASS: 'n',
      AUTHOR: 'ada',
      GIT_AUTHOR_NAME: 'Ada',
      TOKENIZERS_PARALLELISM: '1',
    },
    ...{
      AWS_REGION: 'eu-1',
      AWS_PROFILE: 'dev',
      NODE_OPTIONS: '--max-old-space-size=1',
      XDG_SESSION_ID: '3',
      URL: 'https://host/a@b',
      EMPTY_TOKEN: '',
    },
  }
  assert.deepEqual(hideVariables(ordinary, [], []), { kept: ordinary, removed: [] })
})

test('a variable that is named passes, and one that points at something allowed stays', () => {
  const { kept, removed } = hideVariables({ A_TOKEN: '1', B_TOKEN: '2', SSH_AUTH_SOCK: '/s' }, ['ssh'], ['A_TOKEN'])
  assert.deepEqual(kept, { A_TOKEN: '1', SSH_AUTH_SOCK: '/s' })
  assert.deepEqual(removed, ['B_TOKEN'])
})

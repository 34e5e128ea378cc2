import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createDetection, createDetector } from '../../../src/scanner/detector.ts'
import { RULES } from '../../../src/scanner/rules/index.ts'
import { alnum, hex } from '../../../src/scanner/sample.ts'
import { STRUCTURES } from '../../../src/scanner/structures/index.ts'
import { mcp } from '../../../src/scanner/structures/mcp.ts'

const all = createDetector(Object.values(RULES).flat(), STRUCTURES)
const only = createDetector([], [mcp])

/** What is found in a text, and that it stands where it is said to. */
function look(text: string, detect = only): string[] {
  const bytes = Buffer.from(text)
  return detect(bytes, 0, bytes.length).map(({ rule, start, end, secret }) => {
    assert.equal(bytes.toString('latin1', start, end), secret)
    return `${rule.id} ${secret}`
  })
}

const [random, other, digest] = [alnum(32), alnum(24, 5), hex(32, 3)]
const json = (server: unknown, list = 'mcpServers'): string =>
  JSON.stringify({ [list]: { one: { command: 'npx', ...(server as object) } } }, null, 2)

/** Settings of one server, and the secrets in it. */
const LABELLED: readonly (readonly [server: unknown, ...secrets: string[]])[] = [
  [{ env: { ACME_API_KEY: random, ACME_TOKEN: digest } }, random, digest],
  [{ env: { DB_PASSWORD: 'correct-horse', PGPASSWORD: 'tr0ub4dor' } }, 'correct-horse', 'tr0ub4dor'],
  [{ env: { API_KEY: 'f47ac10b-58cc-4372-a567-0e02b2c3d479' } }, 'f47ac10b-58cc-4372-a567-0e02b2c3d479'],
  [{ env: [{ name: 'ACME_SECRET', value: random }, `OTHER_TOKEN=${other}`] }, random, other],
  [{ env: { ACME_HEADERS: JSON.stringify({ Authorization: `Bearer ${random}`, 'X-Version': '2022-06-28' }) } }, random],
  [{ environment: { SOMETHING: `${other}xY7z` } }, `${other}xY7z`],
  [{ args: ['-y', 'acme-mcp@1.2.3', '--api-key', random, `--token=${other}`, '--port', '8080'] }, random, other],
  [
    { args: ['run', '-e', `ACME_TOKEN=${random}`, '--header', `Authorization: Bearer ${other}`, 'ghcr.io/acme/mcp:v1'] },
    random,
    other,
  ],
  [{ args: ['-y', 'acme-mcp', `${random}`] }, random],
  [{ command: ['acme', '--password', 'correct-horse'] }, 'correct-horse'],
  [{ url: `https://mcp.acme.dev/mcp?api_key=${random}&mode=fast&key=${other}` }, random, other],
  [{ serverUrl: `https://mcp.acme.dev/s/${random}/mcp` }, random],
  [
    {
      httpUrl: 'https://mcp.acme.dev/mcp',
      headers: { 'X-Acme-Key': random, Authorization: `Bearer ${other}`, Accept: 'text/html' },
    },
    random,
    other,
  ],
  [{ url: 'https://mcp.acme.dev', oauth: { clientId: other, clientSecret: random } }, random],
  [
    {
      args: [
        '-y',
        '@acme/mcp@latest',
        '/srv/Projects/Acme2/data',
        '--config=/etc/acme/token.json',
        '--token-file',
        '/run/secrets/t0ken',
        '--verbose',
      ],
      env: {
        ...{
          A_KEY: '',
          B_TOKEN: '$' + '{TOKEN}',
          C_TOKEN: '$' + '{env:TOKEN}',
          D_KEY: '$' + '{input:acme-key}',
          E_KEY: '$ACME_KEY',
          F_KEY: '%ACME_KEY%',
        },
        ...{
          G_KEY: '<your-key>',
          H_KEY: 'YOUR_API_KEY',
          I_TOKEN: 'xxx',
          J_KEY: 'your-api-key-here',
          K_TOKEN: 'sk-...',
          L_KEY: 'ACME_API_KEY',
        },
        ...{
          M_TOKEN: 'op://vault/acme/token',
          N_KEY: 'abc123',
          O_SECRET: 'changeme',
          P_PASSWORD: 'password',
          Q_TOKEN: 'test-token-1',
        },
        ...{ R_TOKEN: 'op://vault4/acme/token', S_TOKEN: '%ACME2_TOKEN%', T_KEY: 'file:acme2.key', U_KEY: '~/keys/acme1' },
        ...{
          PORT: '8080',
          LOG_LEVEL: 'debug2info4',
          HOME: '/home/ada/x1',
          API_URL: 'https://api.acme.dev/v2',
          KEY_PATH: '/home/ada/.ssh/id_ed25519',
        },
        ...{
          AUTH_TYPE: 'oauth2',
          MAX_TOKENS: '128000',
          TOKEN_LIMIT: '4096k8',
          CLIENT_ID: other,
          AWS_REGION: 'eu-west-1',
          MODEL: 'large-3-7-20250219',
        },
        ...{
          PUBLIC_KEY: random,
          COMMIT: hex(40),
          NODE_OPTIONS: '--max-old-space-size=4096',
          PASSWORD_FILE: '/run/secrets/pw1',
          INSTANCE: 'f47ac10b-58cc-4372-a567-0e02b2c3d479',
        },
      },
      headers: { 'Content-Type': 'application/json', 'X-Api-Version': '2024-11-05a', Authorization: 'Bearer $' + '{ACME_TOKEN}' },
      url: 'https://mcp.acme.dev/v1/mcp?transport=streamable-http2&token=$' + '{TOKEN}',
    },
  ],
]

describe('the settings of an MCP server', () => {
  test('give up what is a credential in them, and nothing else', () => {
    for (const [server, ...secrets] of LABELLED)
      assert.deepEqual(
        look(json(server)).sort(),
        secrets.map((secret) => `mcp-config-secret ${secret}`).sort(),
        JSON.stringify(server),
      )
  })

  test('are known in the files of every program by their shape', () => {
    const server = { command: 'npx', env: { ACME_API_KEY: random } }
    const files: readonly string[] = [
      ...['mcpServers', 'mcp_servers', 'context_servers', 'servers', 'mcp'].map((list) => json(server, list)),
      JSON.stringify({ projects: { '/home/ada/x': { mcpServers: { one: server } } } }),
      JSON.stringify({ mcp: { inputs: [], servers: { one: server } } }),
      JSON.stringify({ context_servers: { one: { command: { path: 'npx', args: [], env: server.env } } } }),
      JSON.stringify({ experimental: { modelContextProtocolServers: [{ transport: { type: 'stdio', ...server } }] } }),
      `\ufeff// Zed “settings”\n/* { */ {\n  "context_servers": {"a": { // {"b": "\n "command": "npx", "env": {"ACME_API_KEY": "${random}",},},},\n}`,
      `mcpServers:\n  - name: "a"\n    command: npx\n    env:\n      ACME_API_KEY: "${random}"\n`,
      `model = "x"\n[mcp_servers.a]\ncommand = "npx"\n[mcp_servers.a.env]\n"ACME_API_KEY" = "${random}"\n`,
      `[mcp_servers.a]\ncommand = "npx"\nargs = ["-y"]\nenv = { ACME_API_KEY = '${random}' }\n`,
    ]
    for (const file of files) assert.deepEqual(look(file), [`mcp-config-secret ${random}`], file)
    assert.deepEqual(
      look(
        '[mcp_servers.a]\nurl = "https://a.dev"\nbearer_token_env_var = "ACME_TOKEN_2"\nenv_http_headers = { "X-Key" = "a1B2c3D4e5F6g7H8" }',
      ),
      [],
    )
  })

  test('are looked at as a whole where git has only what changed in them', () => {
    const { glance } = createDetection([], [mcp])
    const seen = ['{ "mcpServers": {', '"ACME_KEY":'].map((text) => glance(Buffer.from(text), 0, text.length))
    assert.deepEqual(seen, ['far', 'nothing'])
  })

  test('are told apart from other files that have the words', () => {
    const openapi = { openapi: '3.1.0', servers: [{ url: 'https://api.acme.dev/v1', description: random, token: random }] }
    const manifest = { name: 'x', keywords: ['mcp'], mcp: { token: random }, mcpServers: 'x' }
    const hosts = { servers: [{ name: 'a', password: random }], mcp: { a: { token: random } } }
    for (const text of [
      JSON.stringify(manifest),
      JSON.stringify(hosts),
      `const mcpServers = { a: { command: 'x', env: { API_KEY: '${random}' } } }`,
      `{"mcpServers"`,
      `${'{'.repeat(9000)}"mcpServers"`,
      `mcpServers:\n${'['.repeat(9000)}`,
      '[mcp_servers',
    ])
      assert.deepEqual(look(text), [], text.slice(0, 60))
    assert.deepEqual(look(JSON.stringify({ ...openapi, servers: [{ ...openapi.servers[0], token: '' }] })), [])
  })

  test('give one finding for one secret: the rule’s that knows it, else this one', () => {
    const vendors = `github_pat_${alnum(22)}_${alnum(59)}`
    const file = json({
      env: { GITHUB_TOKEN: vendors, DATADOG_API_KEY: hex(32, 9), API_TOKEN: random },
      url: `https://ada:${other}@mcp.acme.dev`,
      headers: { Authorization: `Bearer ${digest}` },
    })
    assert.deepEqual(
      look(file, all).sort(),
      [
        `datadog-api ${hex(32, 9)}`,
        `github-pat-fine-grained ${vendors}`,
        `mcp-config-secret ${random}`,
        `mcp-config-secret ${digest}`,
        `password-in-http-address ${other}`,
      ].sort(),
    )
  })

  test('come to an end however they are made', () => {
    const args = JSON.stringify(Array.from({ length: 50_000 }, (_, at) => `--a${at}`))
    for (const text of [
      JSON.stringify({
        mcpServers: { ['a'.repeat(1_000_000)]: Object.fromEntries(Array.from({ length: 40_000 }, (_, at) => [`env${at}`, 'x'])) },
      }),

      `{"mcpServers":{"a":{"command":"x","args":${args}}}}`,
      `{"mcpServers":{"a":{"url":"${'?a=b'.repeat(400_000)}"}}}`,
      `{"mcpServers":{"a":{"env":{"A":"${'\\"'.repeat(900_000)}"}}}}`,
      `/*${'/*'.repeat(900_000)} "mcpServers"`,
    ])
      assert.deepEqual(look(text), [])
  })
})

import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

/**
 * The labelled corpus: files as projects have them, with secrets in known places and with what only looks like one. It is made by this
 * script, the same each time, and all values are fake. It is written from the vendors' documentation by itself, not from the rules, so that
 * a rule and its sample that are wrong together are found out here.
 */
export interface Labelled {
  readonly path: string
  readonly text: string
  /** The secrets that stand in it, and the family of each; empty for a file of look-alikes. */
  readonly secrets: readonly { readonly family: string; readonly secret: string }[]
}

const D = '0123456789'
const L = 'abcdefghijklmnopqrstuvwxyz'
const U = L.toUpperCase()

/** A stream of text that looks random: SHA-256 of a counter, read by the letters of `alphabet`. */
function createRandom(seed: string) {
  let count = 0
  let pool = Buffer.alloc(0)
  const byte = (): number => {
    if (pool.length === 0) pool = createHash('sha256').update(`${seed} ${count++}`).digest()
    const [first = 0] = pool
    pool = pool.subarray(1)
    return first
  }
  const text = (alphabet: string, length: number): string =>
    Array.from({ length }, () => alphabet[byte() % alphabet.length]).join('')
  return { text, pick: <T>(all: readonly T[]): T => all[byte() % all.length] as T }
}

type Random = ReturnType<typeof createRandom>
/** `secretIn` where the secret is a part of what is made. */
type Format = readonly [family: string, vendor: string, make: (r: Random) => string, secretIn?: RegExp]

const an = (r: Random, n: number): string => r.text(D + U + L, n)
const hx = (r: Random, n: number): string => r.text(`${D}abcdef`, n)
const url64 = (r: Random, n: number): string => r.text(`${D + U + L}_-`, n)

function base62(value: number, width: number): string {
  const alphabet = D + U + L
  let text = ''
  for (let rest = value; rest > 0; rest = Math.floor(rest / 62)) text = alphabet[rest % 62] + text
  return text.padStart(width, '0')
}

/** GitHub and npm: thirty letters and their CRC-32. */
function withCrc(prefix: string, r: Random): string {
  const body = an(r, 30)
  return prefix + body + base62(crc32(body), 6)
}

function jwt(r: Random): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: r.text(D, 8), iat: 1_700_000_000, iss: 'https://login.example.net' })}.${url64(r, 43)}`
}

/** Values that are known by their own look. */
const BY_LOOK: readonly Format[] = [
  ['code', 'github', (r) => withCrc('ghp_', r)],
  ['code', 'github', (r) => withCrc('gho_', r)],
  ['code', 'github', (r) => `github_pat_${an(r, 22)}_${an(r, 59)}`],
  ['code', 'github', (r) => `ghs_${r.text(D, 6)}_${jwt(r)}`],
  ['code', 'gitlab', (r) => `glpat-${url64(r, 19)}${an(r, 1)}`],
  ['code', 'npm', (r) => withCrc('npm_', r)],
  ['code', 'dockerhub', (r) => `dckr_pat_${url64(r, 26)}${an(r, 1)}`],
  ['code', 'rubygems', (r) => `rubygems_${hx(r, 48)}`],
  ['cloud', 'aws', (r) => `AKIA${r.text(`${U}234567`, 16)}`],
  ['cloud', 'google', (r) => `AIza${url64(r, 34)}${an(r, 1)}`],
  ['cloud', 'digitalocean', (r) => `dop_v1_${hx(r, 64)}`],
  ['cloud', 'hashicorp', (r) => `hvs.${an(r, 95)}`],
  ['cloud', 'pulumi', (r) => `pul-${hx(r, 40)}`],
  ['cloud', 'doppler', (r) => `dp.pt.${an(r, 43)}`],
  ['ai', 'anthropic', (r) => `sk-ant-api03-${url64(r, 92)}${an(r, 1)}AA`],
  ['ai', 'openai', (r) => `sk-proj-${an(r, 74)}T3BlbkFJ${an(r, 74)}`],
  ['ai', 'huggingface', (r) => `hf_${r.text(L + U, 34)}`],
  ['ai', 'groq', (r) => `gsk_${an(r, 52)}`],
  ['ai', 'replicate', (r) => `r8_${an(r, 37)}`],
  ['payment', 'stripe', (r) => `sk_live_51${an(r, 97)}`],
  ['payment', 'stripe', (r) => `whsec_${an(r, 32)}`],
  ['payment', 'square', (r) => `sq0atp-${url64(r, 21)}${an(r, 1)}`],
  ['payment', 'shopify', (r) => `shpat_${hx(r, 32)}`],
  ['message', 'slack', (r) => `xoxb-${r.text(D, 12)}-${r.text(D, 13)}-${an(r, 24)}`],
  ['message', 'slack', (r) => `https://hooks.slack.com/services/T${r.text(U + D, 10)}/B${r.text(U + D, 10)}/${an(r, 24)}`],
  ['message', 'sendgrid', (r) => `SG.${an(r, 22)}.${an(r, 43)}`],
  ['message', 'telegram', (r) => `1${r.text(D, 9)}:AA${url64(r, 32)}${an(r, 1)}`],
  ['watch', 'newrelic', (r) => `NRAK-${r.text(U + D, 27)}`],
  ['watch', 'posthog', (r) => `phx_${an(r, 43)}`],
  ['generic', 'jwt', jwt],
  ['generic', 'postgres', (r) => `postgresql://app:${an(r, 18)}@db.internal.net:5432/app`, /(?<=:)\w{18}(?=@)/],
  [
    'generic',
    'key',
    (r) => {
      const der = Buffer.concat([Buffer.from([0x30, 0x82, 0x02, 0x40]), Buffer.from(r.text(D + L, 0x240))])
      return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64').replace(/.{64}/g, '$&\n').trim()}\n-----END PRIVATE KEY-----`
    },
  ],
]

/** Values that only the name they are given tells. */
const BY_NAME: readonly Format[] = [
  ['cloud', 'AWS_SECRET_ACCESS_KEY', (r) => r.text(`${D + U + L}+/`, 39) + an(r, 1)],
  ['cloud', 'CLOUDFLARE_API_TOKEN', (r) => url64(r, 39) + an(r, 1)],
  ['message', 'TWILIO_AUTH_TOKEN', (r) => hx(r, 32)],
  ['watch', 'DATADOG_API_KEY', (r) => hx(r, 32)],
  ['generic', 'DB_PASSWORD', (r) => `${an(r, 14)}!${r.text(D, 2)}`],
  ['generic', 'client_secret', (r) => an(r, 40)],
  ['generic', 'session_secret', (r) => hx(r, 64)],
]

type Spell = (name: string, value: string) => string
const SPELLINGS: readonly (readonly [file: string, spell: Spell])[] = [
  ['.env', (name, value) => `NODE_ENV=production\n${name}=${value}\nPORT=8080\n`],
  ['config/settings.py', (name, value) => `import os\n\nDEBUG = False\n${name} = '${value}'\nALLOWED_HOSTS = ['*']\n`],
  [
    'src/client.ts',
    (name, value) =>
      `import { Client } from './client.ts'\n\nconst ${camel(name)} = "${value}"\nexport const client = new Client(${camel(name)})\n`,
  ],
  ['deploy/values.yaml', (name, value) => `replicas: 2\nenv:\n  ${name}: "${value}"\nimage: app:1.4\n`],
  ['appsettings.json', (name, value) => `${JSON.stringify({ logging: { level: 'info' }, [name]: value, port: 80 }, null, 2)}\n`],
  ['Dockerfile', (name, value) => `FROM node:24\nENV ${name}=${value}\nCMD ["node", "."]\n`],
  ['main.tf', (name, value) => `provider "x" {\n  ${name} = "${value}"\n  region = "eu-west-1"\n}\n`],
  ['.mcp.json', (name, value) => JSON.stringify({ mcpServers: { x: { command: 'npx', args: ['x'], env: { [name]: value } } } })],
]

/** What a shell or a template puts in later. */
const filledIn = (name: string): string => `$\{${name}}`

/** What looks like a secret and is none. */
const LOOK_ALIKES: readonly ((r: Random) => readonly [path: string, text: string])[] = [
  (r) => [
    'package-lock.json',
    `"node_modules/a": {\n  "integrity": "sha512-${r.text(`${D + U + L}+/`, 86)}==",\n  "resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz"\n}\n`,
  ],
  (r) => ['yarn.lock', `"@babel/core@^7":\n  version "7.2.0"\n  resolved "https://registry.yarnpkg.com/core.tgz#${hx(r, 40)}"\n`],
  (r) => ['go.sum', `golang.org/x/text v0.3.0 h1:${r.text(`${D + U + L}+/`, 43)}=\n`],
  (r) => ['src/ids.ts', `export const TENANT = '${hx(r, 8)}-${hx(r, 4)}-4${hx(r, 3)}-a${hx(r, 3)}-${hx(r, 12)}'\n`],
  (r) => [
    'docs/setup.md',
    `Set \`GITHUB_TOKEN=ghp_${'x'.repeat(36)}\` and \`SLACK_TOKEN=xoxb-your-token-here\`, then run commit ${hx(r, 40)}.\n`,
  ],
  () => [
    '.env.example',
    `DB_PASSWORD=changeme\nAPI_KEY=your-api-key-here\nTOKEN=\nSECRET=${filledIn('SECRET')}\nSTRIPE_KEY=sk_test_...\n`,
  ],
  () => [
    'src/auth.ts',
    "const token = await getToken()\nconst password = req.body.password\nconst secret = process.env.CLIENT_SECRET\nif (apiKey === undefined) throw new Error('api key missing')\n",
  ],
  (r) => ['src/image.ts', `export const ICON = 'data:image/png;base64,${r.text(`${D + U + L}+/`, 400)}'\n`],
  (r) => ['test/hash.test.ts', `assert.equal(sha256('abc'), '${hx(r, 64)}')\nassert.equal(md5('abc'), '${hx(r, 32)}')\n`],
  () => [
    'deploy/app.yaml',
    'env:\n  - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef:\n        name: database-credentials\n        key: password\n',
  ],
  () => [
    'src/strings.ts',
    "export const LABELS = { password: 'Enter your password', tokenExpired: 'Your session has expired', secretQuestion: 'What is your favourite colour?' }\n",
  ],
  (r) => [
    'dist/app.min.js',
    `!function(e,t){var n=e.token,r=t.password||"";${Array.from({ length: 40 }, () => `function ${r.text(L, 2)}(${r.text(L, 1)}){return ${r.text(L, 1)}.${r.text(L, 6)}}`).join('')}}(window,{});\n`,
  ],
  (r) => [
    'k8s/cert.pem',
    `-----BEGIN CERTIFICATE-----\n${r.text(`${D + U + L}+/`, 64)}\n${r.text(`${D + U + L}+/`, 64)}\n-----END CERTIFICATE-----\n`,
  ],
  () => [
    'ci.yml',
    `env:\n  NPM_TOKEN: ${filledIn('{ secrets.NPM_TOKEN }')}\n  AWS_SECRET_ACCESS_KEY: ${filledIn('{ secrets.AWS_SECRET_ACCESS_KEY }')}\n`,
  ],
  () => [
    'db.ts',
    `const url = \`postgresql://${filledIn('user')}:${filledIn('password')}@${filledIn('host')}:5432/app\`\nconst local = "postgresql://localhost/app"\n`,
  ],
]

/** `rounds` files of each format in each spelling that suits it, and as many of each look-alike. */
export function makeCorpus(rounds = 2): Labelled[] {
  const files: Labelled[] = []
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, [family, vendor, make, secretIn]] of BY_LOOK.entries()) {
      const r = createRandom(`look ${i} ${round}`)
      const value = make(r)
      const secret = secretIn?.exec(value)?.[0] ?? value
      const [file, spell] = SPELLINGS[(i + round * 3) % SPELLINGS.length] as (typeof SPELLINGS)[number]
      const name = `${vendor.toUpperCase()}_${r.pick(['TOKEN', 'KEY', 'URL'])}`
      const text = value.includes('\n') ? `${value}\n` : spell(name, value)
      files.push({ path: `look-${i}-${round}/${file}`, text, secrets: [{ family, secret }] })
    }
    for (const [i, [family, name, make]] of BY_NAME.entries()) {
      for (const [j, [file, spell]] of SPELLINGS.entries()) {
        const secret = make(createRandom(`name ${i} ${j} ${round}`))
        files.push({ path: `name-${i}-${j}-${round}/${file}`, text: spell(name, secret), secrets: [{ family, secret }] })
      }
    }
    for (const [i, make] of LOOK_ALIKES.entries()) {
      const [path, text] = make(createRandom(`alike ${i} ${round}`))
      files.push({ path: `alike-${i}-${round}/${path}`, text, secrets: [] })
    }
  }
  return files
}

function camel(name: string): string {
  return name.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}

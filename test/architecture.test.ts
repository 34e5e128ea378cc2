import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, test } from 'node:test'
import ts from 'typescript'

const root = join(import.meta.dirname, '..')
const sources = globSync('src/**/*.ts', { cwd: root }).sort()

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
  /** Loaded when it is needed: an `import()`. */
  readonly isLate: boolean
}

/** Every import of a file, `import()` included; `to` is a path under the root for our own files, else the package or `node:` name. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest)
  const found: Import[] = []
  const note = (specifier: ts.Node | undefined, typeOnly: boolean, isLate = false): void => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return
    const to = specifier.text.startsWith('.') ? normalize(join(dirname(file), specifier.text)) : packageOf(specifier.text)
    found.push({ from: file, to, typeOnly, isLate })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) note(node.moduleSpecifier, isTypeOnly(node))
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) note(node.arguments[0], false, true)
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) note(node.argument.literal, true)
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

function isTypeOnly(statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  return ts.isImportDeclaration(statement)
    ? statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
    : statement.isTypeOnly
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

const imports = sources.flatMap(importsOf)
const ours = imports.filter((one) => one.to.startsWith('src/'))

/** The room of a file: its folder under src, or the file itself at the top. */
function roomOf(file: string): string {
  const inside = relative('src', file)
  return inside.includes('/') ? dirname(inside).split('/', 1).join() : inside
}

const LEAVES = [
  'model.ts',
  'errors.ts',
  'secret.ts',
  'selector.ts',
  'scope.ts',
  'members.ts',
  'cache.ts',
  'private-file.ts',
  'spell-host.ts',
  'deadlines.ts',
  'lines.ts',
  'approver.ts',
  'budget.ts',
  'compile-cache.ts',
]

/** Who may import what. A room may always import itself and the leaves; `type` allows types only. */
const TABLE: Readonly<Record<string, { readonly value: readonly string[]; readonly type: readonly string[] }>> = {
  'model.ts': { value: [], type: [] },
  'errors.ts': { value: [], type: [] },
  'secret.ts': { value: [], type: [] },
  'selector.ts': { value: [], type: ['model.ts'] },
  'scope.ts': { value: [], type: [] },
  'members.ts': { value: [], type: [] },
  'spell-host.ts': { value: [], type: [] },
  'cache.ts': { value: [], type: [] },
  'deadlines.ts': { value: [], type: [] },
  'lines.ts': { value: [], type: [] },
  'approver.ts': { value: [], type: [] },
  'budget.ts': { value: [], type: ['model.ts'] },
  'compile-cache.ts': { value: [], type: [] },
  'private-file.ts': { value: ['errors.ts'], type: [] },
  'config.ts': { value: [], type: [] },
  'log.ts': { value: [], type: ['config.ts'] },
  'metrics.ts': { value: ['timings.ts'], type: ['audit'] },
  'timings.ts': { value: [], type: [] },
  'broker.ts': { value: [], type: ['audit', 'credentials'] },
  'killswitch.ts': { value: [], type: [] },
  'reconsider.ts': { value: [], type: [] },
  'afford.ts': { value: [], type: ['tasks', 'approvals'] },
  'acts.ts': { value: ['broker.ts'], type: [] },
  'start-task.ts': { value: [], type: [] },
  'home.ts': { value: [], type: [] },
  'catalogued.ts': { value: ['audit'], type: [] },
  audit: { value: [], type: [] },
  store: { value: [], type: [] },
  host: { value: [], type: [] },
  identity: { value: ['store'], type: [] },
  tasks: { value: ['store'], type: [] },
  targets: { value: ['store'], type: [] },
  policy: { value: [], type: [] },
  detections: { value: ['store', 'config.ts'], type: [] },
  credentials: { value: ['store'], type: ['audit'] },
  revocations: { value: ['store'], type: [] },
  approvals: { value: ['store'], type: [] },
  programs: { value: [], type: [] },
  glass: { value: ['store'], type: [] },
  gateway: { value: [], type: ['broker.ts', 'audit', 'credentials'] },
  api: {
    value: ['config.ts'],
    type: ['broker.ts', 'killswitch.ts', 'metrics.ts', 'log.ts', 'audit', 'credentials', 'approvals', 'detections', 'glass'],
  },
  run: { value: ['host'], type: [] },
  backup: { value: [], type: [] },
  scanner: { value: [], type: [] },
}
/** These join the rooms, so they may see all of them. */
const JOINERS = [
  ...['main.ts', 'rooms.ts', 'key-sources.ts', 'hold-home.ts', 'api-verbs.ts', 'glass-verbs.ts', 'undo-task.ts', 'undo-plan.ts'],
  ...[
    'seal-credential.ts',
    'probe-target.ts',
    'approval-webhooks.ts',
    'read-before.ts',
    'escalate-approvals.ts',
    'forget-approvals.ts',
  ],
  ...['take-backup.ts', 'restore-backup.ts', 'move-state.ts', 'cli'],
]

describe('who may import what', () => {
  test('every room is in the table', () => {
    const unknown = new Set(sources.map(roomOf).filter((room) => !(room in TABLE) && !JOINERS.includes(room)))
    assert.deepEqual([...unknown], [])
  })

  test('no room imports what its row does not allow', () => {
    const wrong = ours.filter((one) => {
      const [from, to] = [roomOf(one.from), roomOf(one.to)]
      const row = TABLE[from]
      if (row === undefined || from === to) return false
      if (one.to === 'src/audit/permit.ts' && from === 'credentials') return false // it refuses forgeries
      const allowed = [...row.value, ...(one.typeOnly ? row.type : [])]
      if (![...LEAVES, 'audit'].includes(from)) allowed.push(...LEAVES)
      return !allowed.includes(to)
    })
    assert.deepEqual(wrong.map(show), [])
  })

  test('audit/ imports only node: and itself, so that it verifies alone', () => {
    const wrong = imports.filter(
      (one) => roomOf(one.from) === 'audit' && !one.to.startsWith('node:') && !one.to.startsWith('src/audit/'),
    )
    assert.deepEqual(wrong.map(show), [])
  })

  test('plugins import their contract, the leaves and pure parsers of node only', () => {
    const plugin = /^src\/(credentials\/connectors|identity\/issuers)\/(?!index\.ts)/
    const allowed =
      /^(src\/(model|errors|secret|credentials\/connector|credentials\/minting|credentials\/protocols\/[a-z-]+|identity\/issuer)\.ts|node:(buffer|crypto|stream|zlib)|jose|pg|mysql2|oauth4webapi|@smithy\/signature-v4)$/
    const wrong = imports.filter((one) => plugin.test(one.from) && !allowed.test(one.to) && dirname(one.to) !== dirname(one.from))
    assert.deepEqual(wrong.map(show), [])
  })

  test('a command line is read with commander alone: what one command needs, and no other, is loaded by it', () => {
    const loaded = new Set(['src/cli/main.ts'])
    for (const file of loaded)
      for (const one of imports) if (one.from === file && !one.typeOnly && !one.isLate) loaded.add(one.to)
    const libraries = [...loaded].filter((to) => !/^(src\/|node:)/.test(to))
    assert.deepEqual(libraries, ['commander'])
    const many = /^src\/(credentials\/connectors|scanner\/rules|gateway|store)\//
    assert.deepEqual(
      [...loaded].filter((to) => many.test(to)),
      [],
    )
  })

  test('no import goes in a circle', () => {
    const edges = new Map<string, string[]>()
    for (const one of ours) if (!one.typeOnly) edges.set(one.from, [...(edges.get(one.from) ?? []), one.to])
    const circle = findCircle(edges)
    assert.deepEqual(circle, [])
  })
})

describe('each library has one room', () => {
  const ROOMS: Readonly<Record<string, readonly string[]>> = {
    '@cedar-policy/cedar-wasm': ['policy'],
    jose: ['identity'],
    kysely: ['store', 'identity', 'tasks', 'targets', 'credentials', 'revocations', 'detections'],
    'node:sqlite': ['store', 'audit'],
    koffi: ['host'],
    undici: ['gateway'],
    'reflect-metadata': ['gateway'],
    '@peculiar/x509': ['gateway'],
    fastify: ['api'],
    'prom-client': ['metrics.ts'],
    pino: ['log.ts'],
    commander: ['cli'],
    '@clack/prompts': ['cli'],
    zod: ['api', 'identity', 'targets', 'policy', 'cli', 'scanner'],
    yaml: ['cli', 'policy', 'main.ts', 'scanner'],
    'smol-toml': ['scanner'],
    pg: ['store', 'credentials'],
    mysql2: ['credentials'],
    oauth4webapi: ['credentials'],
    '@smithy/signature-v4': ['credentials'],
    'age-encryption': ['backup'],
  }

  test('no library is imported outside its room', () => {
    const wrong = imports.filter((one) => {
      if (one.to.startsWith('src/')) return false
      const rooms = ROOMS[one.to]
      if (rooms === undefined) return !one.to.startsWith('node:')
      return !rooms.includes(roomOf(one.from))
    })
    assert.deepEqual(wrong.map(show), [])
  })

  test('every dependency is used, and a decision record says why it is there', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, Record<string, string>>
    const decisions = globSync('docs/decisions/*.md', { cwd: root }).map((file) => readFileSync(join(root, file), 'utf8'))
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })) {
      assert.ok(
        decisions.some((text) => text.includes(`\`${name}\``)),
        `${name} has no line in docs/decisions`,
      )
    }
    const unused = Object.keys(manifest.dependencies ?? {}).filter((name) => !imports.some((one) => one.to === name))
    assert.deepEqual(unused, [])
  })
})

describe('gates that types alone cannot hold', () => {
  const has = (pattern: RegExp): string[] => sources.filter((file) => pattern.test(readFileSync(join(root, file), 'utf8')))

  test('only audit/record.ts grants a Permit', () => {
    assert.deepEqual(has(/Permit\.grant\(/), ['src/audit/record.ts'])
  })

  test('outgoing sockets are opened in gateway/dial.ts only; local ones by the operator’s client and stint run', () => {
    const opens = has(/\b(net|tls|http|https|http2)\.(connect|createConnection|request|get)\(|\bnew (net\.)?Socket\(|\bfetch\(/)
    const local = ['src/cli/', 'src/run/', 'src/gateway/dial.ts', 'src/api/server.ts']
    assert.deepEqual(
      opens.filter((file) => !local.some((allowed) => file.startsWith(allowed))),
      [],
    )
  })

  test('the store lets its driver reach the database the operator named; whoever else uses that driver brings a socket of gateway/dial.ts', () => {
    const opens = has(/\bnew pg\.(Pool|Client)\((?![^)]*\bstream\b)/)
    assert.deepEqual(
      opens.filter((file) => !file.startsWith('src/store/')),
      [],
    )
  })

  test('a secret is revealed only where bytes leave or are sealed', () => {
    const allowed = [
      'src/secret.ts',
      'src/store/postgres-url.ts',
      'src/gateway/',
      'src/credentials/',
      'src/cli/commands/credential.ts',
      'src/cli/seal-credential.ts',
      'src/cli/commands/backup.ts',
      'src/backup/age.ts',
      'src/run/',
      'src/scanner/verify/verify.ts',
    ]
    assert.deepEqual(
      has(/\.reveal\(\)/).filter((file) => !allowed.some((one) => file.startsWith(one))),
      [],
    )
  })

  test('nothing prints to the console but the CLI’s own output', () => {
    assert.deepEqual(
      has(/console\.\w+\(/).filter((file) => !file.startsWith('src/cli/')),
      [],
    )
  })

  test('no folder is named for a lack of thought', () => {
    const vague = /(^|\/)(utils?|helpers?|common|shared|lib|core|services?|managers?|interfaces?)(\.ts|\/)/
    assert.deepEqual(
      sources.filter((file) => vague.test(file)),
      [],
    )
  })
})

describe('the documents say what is there', () => {
  test('ARCHITECTURE.md names every room of src', () => {
    const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
    const missing = [...new Set(sources.map(roomOf))].filter((room) => !text.includes(room.endsWith('.ts') ? room : `${room}/`))
    assert.deepEqual(missing, [])
  })

  test('every guarantee in SECURITY.md is held by a test file that exists, or says "not yet"', () => {
    const text = readFileSync(join(root, 'SECURITY.md'), 'utf8')
    const files = globSync('test/guarantees/*.test.ts', { cwd: root })
    for (let number = 1; number <= 13; number += 1) {
      const row = text.split('\n').find((line) => line.startsWith(`| G${number} |`))
      assert.ok(row !== undefined, `G${number} has no row`)
      const named = [...row.matchAll(/test\/guarantees\/[\w-]+\.test\.ts/g)].map((match) => match[0])
      assert.ok(named.length > 0 || row.includes('not yet'), `G${number} names no test`)
      for (const file of named) assert.ok(files.includes(file), `G${number}: ${file} does not exist`)
    }
  })

  test('every test in test/guarantees is named by SECURITY.md', () => {
    const text = readFileSync(join(root, 'SECURITY.md'), 'utf8')
    const missing = globSync('test/guarantees/*.test.ts', { cwd: root }).filter((file) => !text.includes(file))
    assert.deepEqual(missing, [])
  })
})

function show(one: Import): string {
  return `${one.from} imports ${one.to}`
}

function findCircle(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>()
  const visit = (file: string, path: string[]): string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return []
    for (const next of edges.get(file) ?? []) {
      const circle = visit(next, [...path, file])
      if (circle.length > 0) return circle
    }
    done.add(file)
    return []
  }
  for (const file of edges.keys()) {
    const circle = visit(file, [])
    if (circle.length > 0) return circle
  }
  return []
}

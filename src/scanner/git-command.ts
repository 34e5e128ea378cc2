import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

/**
 * Of a repository that may be hostile, git reads objects and refs and nothing else: no hook, filter, pager, signature program or monitor that its
 * configuration names is run, nothing is fetched, no object stands in for another, and where one lies only a pack's own index says.
 */
const SETTINGS: readonly string[] = [
  ...['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'core.pager=cat', 'core.quotePath=false', 'core.commitGraph=false'],
  ...['core.alternateRefsCommand=', 'log.showSignature=false', 'log.mailmap=false', 'diff.external=', 'protocol.allow=never'],
  ...['safe.directory=*', 'core.bigFileThreshold=512m', 'core.multiPackIndex=false'],
]

const ENVIRONMENT: Readonly<Record<string, string>> = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ALLOW_PROTOCOL: 'none',
  GIT_NO_LAZY_FETCH: '1',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_TERMINAL_PROMPT: '0',
  LC_ALL: 'C',
}

/** Starts git on the repository at `path`, unable to run what the repository names. `index` is a file that is its index in the place of its own. */
export function spawnGit(path: string, args: readonly string[], stdio: SpawnOptions['stdio'], index?: string): ChildProcess {
  const { PATH = '/usr/local/bin:/usr/bin:/bin' } = process.env
  const settings = SETTINGS.flatMap((setting) => ['-c', setting])
  const env = { PATH, HOME: '/nonexistent', ...ENVIRONMENT, ...(index !== undefined && { GIT_INDEX_FILE: index }) }
  return spawn('git', [...settings, '-C', path, ...args], { stdio, env })
}

/** How git reaches a server, as a task has it: through its gateway. */
const WAYS_OUT = [
  'HTTPS_PROXY',
  'https_proxy',
  'HTTP_PROXY',
  'http_proxy',
  'NO_PROXY',
  'no_proxy',
  'GIT_SSL_CAINFO',
  'SSL_CERT_FILE',
]
/** What a server says is read over HTTPS from it alone, and nothing of it is taken for a repository that is to be cloned as well. */
const CLONING = [
  'protocol.https.allow=always',
  'http.followRedirects=false',
  'credential.helper=',
  'fetch.fsckObjects=false',
  'gc.auto=0',
]

/** Clones all that a server shows of a repository into an empty directory, as a bare one without hooks. Rejects with GitError. */
export async function cloneMirror(url: string, path: string): Promise<void> {
  const { PATH = '/usr/local/bin:/usr/bin:/bin' } = process.env
  const settings = [...SETTINGS, ...CLONING].flatMap((setting) => ['-c', setting])
  const ways = Object.fromEntries(
    WAYS_OUT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
  const env = { PATH, HOME: '/nonexistent', ...ENVIRONMENT, ...ways, GIT_ALLOW_PROTOCOL: 'https' }
  const command = ['clone', '--quiet', '--mirror', '--template=', '--no-recurse-submodules', '--', url, path]
  const { code, message } = await endOf(spawn('git', [...settings, ...command], { stdio: ['ignore', 'ignore', 'pipe'], env }))
  if (code !== 0) throw new GitError(message)
}

interface ReadOptions {
  /** A file that is the index in the place of the repository's own. */
  readonly index?: string
  /** What git reads. */
  readonly input?: string
}

/** What git prints, in the chunks in which it comes. Throws GitError when it fails. */
export async function* readGit(
  path: string,
  args: readonly string[],
  { index, input }: ReadOptions = {},
): AsyncGenerator<Buffer> {
  const child = spawnGit(path, args, [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'], index)
  const ended = endOf(child)
  child.stdin?.on('error', () => undefined) // it ended: its status says why
  child.stdin?.end(input)
  try {
    if (child.stdout !== null) yield* child.stdout as AsyncIterable<Buffer>
  } finally {
    child.kill()
  }
  const { code, message } = await ended
  if (code !== 0) throw new GitError(message)
}

/** The lines that git prints. Rejects with GitError. */
export async function readLines(path: string, args: readonly string[]): Promise<string[]> {
  const chunks: Buffer[] = []
  for await (const chunk of readGit(path, args)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8').split('\n').filter(Boolean)
}

/** git ended with a failure; the message is its own last line. */
export class GitError extends Error {
  override readonly name = 'GitError'
}

const MESSAGE_BYTES = 4096

/** How a git that was started ends: its exit status and the last of what it had to say. */
export function endOf(child: ChildProcess): Promise<{ readonly code: number; readonly message: string }> {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MESSAGE_BYTES)
  })
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: 127, message: error.message }))
    child.once('close', (code, signal) =>
      resolve({ code: code ?? 128, message: said.trim().split('\n').at(-1) || String(signal) }),
    )
  })
}

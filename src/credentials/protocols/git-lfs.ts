import { StintError } from '../../errors.ts'
import type { Access, Action, Operation } from '../../model.ts'
import type { RefusalText, SpokenRefusal } from '../connector.ts'
import { bodyType, isCoded } from './body-type.ts'
import { isRefName } from './git.ts'
import { readJsonObject } from './json-object.ts'

/** Bytes of a batch that are read to decide; git-lfs asks for a hundred objects at once, in a sixth of it. */
const BATCH_PREFIX = 65_536
const MEDIA_TYPE = 'application/vnd.git-lfs+json'
const BATCH = /^\/(?<repository>.+)\/info\/lfs\/objects\/batch$/
const OID = '[0-9a-f]{64}'

/**
 * The rest of the Git LFS API, and where GitLab and Gitea keep objects beside their repositories. Other hosts name places elsewhere,
 * which a target of its own declares.
 */
const REQUESTS: readonly (readonly [request: RegExp, id: string, access: Access])[] = [
  [/^GET \/(?<repository>.+)\/info\/lfs\/locks$/, 'lfs-list-locks', 'read'],
  [/^POST \/(?<repository>.+)\/info\/lfs\/locks\/verify$/, 'lfs-list-locks', 'read'],
  [/^POST \/(?<repository>.+)\/info\/lfs\/locks$/, 'lfs-lock', 'write'],
  [/^POST \/(?<repository>.+)\/info\/lfs\/locks\/[^/]+\/unlock$/, 'lfs-unlock', 'write'],
  [new RegExp(`^GET /(?<repository>.+)/(?:info/lfs|gitlab-lfs)/objects/${OID}$`), 'lfs-download', 'read'],
  [new RegExp(`^PUT /(?<repository>.+)/(?:info/lfs|gitlab-lfs)/objects/${OID}/[0-9]+$`), 'lfs-upload', 'write'],
  [/^POST \/(?<repository>.+)\/info\/lfs\/verify$/, 'lfs-upload', 'write'],
]

/** Bytes of body that `describeLfs` must see. */
export function lfsPrefix({ method, path }: Operation): number {
  return method === 'POST' && BATCH.test(path) ? BATCH_PREFIX : 0
}

/**
 * Names a request of the Git LFS API: `git:lfs-download`, `git:lfs-upload` and those of locks. Undefined for what is none; throws
 * `unknown_action` or `body_too_large` for a batch that does not say which it is.
 */
export function describeLfs(operation: Operation, nameOf: (repository: string) => string): Action | undefined {
  const { method, path } = operation
  const { repository } = BATCH.exec(path)?.groups ?? {}
  if (method === 'POST' && repository !== undefined) return describeBatch(operation, nameOf(repository))
  for (const [request, id, access] of REQUESTS) {
    const { repository } = request.exec(`${method} ${path}`)?.groups ?? {}
    if (repository !== undefined) return named(id, access, nameOf(repository))
  }
  return undefined
}

function describeBatch(operation: Operation, repository: string): Action {
  const { query, body = new Uint8Array() } = operation
  if (query !== '' || bodyType(operation) !== MEDIA_TYPE || isCoded(operation))
    throw unknown('it is not plain JSON of its own type')
  if (body.length >= BATCH_PREFIX)
    throw new StintError('body_too_large', 'the Git LFS batch is larger than what is read to decide')
  const batch = readJsonObject(body, unknown)
  const refs = refsIn(batch)
  if (batch.operation === 'download') return named('lfs-download', 'read', repository, refs)
  if (batch.operation === 'upload') return named('lfs-upload', 'write', repository, refs)
  throw unknown('its operation is neither download nor upload')
}

/** For policies to know; what is uploaded belongs to no ref before a push says so. */
function refsIn({ ref }: Readonly<Record<string, unknown>>): readonly string[] {
  const name = typeof ref === 'object' && ref !== null && 'name' in ref ? ref.name : undefined
  return typeof name === 'string' && isRefName(name) ? [name] : []
}

function named(id: string, access: Access, repository: string, refs: readonly string[] = []): Action {
  return { id: `git:${id}`, access, resource: repository, parameters: { repository, ...(refs.length > 0 && { refs }) } }
}

/** An error of the Git LFS API, whose message git-lfs shows; undefined for other requests. */
export function speakLfsRefusal({ path }: Operation, { line, status }: RefusalText): SpokenRefusal | undefined {
  if (!path.includes('/info/lfs/')) return undefined
  return { status, contentType: MEDIA_TYPE, body: Buffer.from(JSON.stringify({ message: line })) }
}

function unknown(why: string): StintError {
  return new StintError('unknown_action', `the Git LFS batch is not understood: ${why}`)
}

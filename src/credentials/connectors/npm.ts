import { StintError } from '../../errors.ts'
import type { Access, Action, Operation } from '../../model.ts'
import type { Connector } from '../connector.ts'
import { refuseDisguise } from '../protocols/disguise.ts'
import { createPathTable } from '../protocols/path-table.ts'
import { obtainPlaced } from '../protocols/placement.ts'
import { createSlashFinder, decodeSegment } from '../protocols/slash.ts'

/**
 * What npm and its like ask of a registry (npm registry API). What hands out or lists credentials is not here. A revision can take
 * out versions and change the owners, which only its body says.
 */
const ENDPOINTS: readonly (readonly [template: string, id: string, access: Access])[] = [
  ['GET /{package}', 'Package::get', 'read'],
  ['GET /{package}/{version}', 'Package::get', 'read'],
  ['GET /{package}/-/{file*}', 'Package::download', 'read'],
  ['PUT /{package}', 'Package::publish', 'write'],
  ['PUT /{package}/-rev/{revision}', 'Package::revise', 'admin'],
  ['DELETE /{package}/-rev/{revision}', 'Package::unpublish', 'destructive'],
  ['DELETE /{package}/-/{file*}', 'Package::unpublish', 'destructive'],
  ['GET /-/package/{package}/dist-tags', 'DistTag::list', 'read'],
  ['PUT /-/package/{package}/dist-tags/{tag}', 'DistTag::set', 'write'],
  ['POST /-/package/{package}/dist-tags/{tag}', 'DistTag::set', 'write'],
  ['DELETE /-/package/{package}/dist-tags/{tag}', 'DistTag::delete', 'destructive'],
  ['GET /-/package/{package}/access', 'Package::get-access', 'read'],
  ['GET /-/package/{package}/visibility', 'Package::get-access', 'read'],
  ['GET /-/package/{package}/collaborators', 'Package::get-access', 'read'],
  ['POST /-/package/{package}/access', 'Package::set-access', 'admin'],
  ['GET /-/npm/v1/attestations/{spec}', 'Package::attestations', 'read'],
  ['GET /-/npm/v1/keys', 'Registry::keys', 'read'],
  ['POST /-/npm/v1/security/advisories/bulk', 'Advisory::search', 'read'],
  ['POST /-/npm/v1/security/audits', 'Advisory::search', 'read'],
  ['POST /-/npm/v1/security/audits/quick', 'Advisory::search', 'read'],
  ['GET /-/v1/search', 'Package::search', 'read'],
  ['GET /-/ping', 'Registry::ping', 'read'],
  ['GET /-/whoami', 'User::get', 'read'],
]
const find = createPathTable(ENDPOINTS.map(([template, id, access]) => [template, { id, access }] as const))
const findSlash = createSlashFinder(['/{package}/**', '/-/package/{package}/**', '/-/npm/v1/attestations/{spec}'])

/** A scope and a name with a plain slash between them; registries read it as the one package that `%2F` makes of it. */
const SCOPED = /^(\/(?:-\/package\/)?(?:@|%40)[^/%]+)\/([^/-][^/]*)/
const PACKAGE = /^(?:@[a-z0-9~!'()*_.-]+\/)?(?!-$)[a-z0-9~!'()*_.-]+$/i

function describe(operation: Operation): Action {
  refuseDisguise(operation)
  const { method, path } = operation
  const found = find(method === 'HEAD' ? 'GET' : method, path.replace(SCOPED, '$1%2F$2'))
  if (found === undefined) throw unknown('this is not a request of the npm registry API that Stint knows')
  const { value, parameters } = found
  const named = Object.fromEntries(Object.entries(parameters).map(([name, text]) => [name, decodeSegment(text)]))
  if (named.package !== undefined && !PACKAGE.test(named.package)) throw unknown('the path names no package')
  return { id: `npm:${value.id}`, access: value.access, resource: named.package ?? path, parameters: named }
}

function unknown(why: string): StintError {
  return new StintError('unknown_action', why)
}

const registry = { scheme: 'https', host: 'registry.npmjs.org', port: 443 } as const
const acme = { id: 'npm:Package::get', access: 'read', resource: '@acme/app' } as const

/** The npm registry and others of its protocol: a package has one name, however its scope is spelled. */
export const npm: Connector = {
  kind: 'npm',
  summary: 'The npm registry and others of its protocol: a package has one name, however its scope is spelled.',
  defaultHosts: [registry],
  defaultPlacement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  placeholderVariables: ['NPM_TOKEN', 'NODE_AUTH_TOKEN'],
  bodyPrefix: () => 0,
  describe,
  takesSlash: (path) => findSlash(path) !== undefined,
  obtain: obtainPlaced,
  example: {
    target: {
      id: 'npm',
      connector: 'npm',
      hosts: [registry],
      environment: 'production',
      sensitivity: 'public',
      labels: [],
      privateNetworks: [],
      credentialId: 'npm-token',
      placement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
    },
    known: [
      { operation: { method: 'GET', path: '/@acme%2Fapp' }, action: acme },
      { operation: { method: 'GET', path: '/@acme/app' }, action: acme },
      { operation: { method: 'GET', path: '/%40acme%2Fapp/latest' }, action: acme },
      {
        operation: { method: 'GET', path: '/@acme/app/-/app-1.0.0.tgz' },
        action: { id: 'npm:Package::download', access: 'read', resource: '@acme/app' },
      },
      {
        operation: { method: 'PUT', path: '/@acme%2Fapp' },
        action: { id: 'npm:Package::publish', access: 'write', resource: '@acme/app' },
      },
      {
        operation: { method: 'DELETE', path: '/@acme%2Fapp/-rev/3-1a' },
        action: { id: 'npm:Package::unpublish', access: 'destructive', resource: '@acme/app' },
      },
      {
        operation: { method: 'PUT', path: '/-/package/@acme%2Fapp/dist-tags/latest' },
        action: { id: 'npm:DistTag::set', access: 'write', resource: '@acme/app' },
      },
      {
        operation: { method: 'GET', path: '/-/npm/v1/attestations/@acme%2Fapp@1.0.0' },
        action: { id: 'npm:Package::attestations', access: 'read', resource: '/-/npm/v1/attestations/@acme%2Fapp@1.0.0' },
      },
      {
        operation: { method: 'POST', path: '/-/npm/v1/security/advisories/bulk' },
        action: { id: 'npm:Advisory::search', access: 'read', resource: '/-/npm/v1/security/advisories/bulk' },
      },
    ],
    unknown: [
      { method: 'POST', path: '/-/npm/v1/tokens' },
      { method: 'GET', path: '/-/npm/v1/tokens' },
      { method: 'PUT', path: '/-/user/org.couchdb.user:ann' },
      { method: 'PUT', path: '/@acme' },
      { method: 'GET', path: '/@acme%2Fapp%2Fmore' },
      { method: 'DELETE', path: '/@acme%2Fapp' },
    ],
  },
}

import { StintError } from '../../errors.ts'
import type { Access, Action, Operation } from '../../model.ts'
import type { Connector } from '../connector.ts'
import { refuseOverride } from '../protocols/disguise.ts'
import { obtainPlaced } from '../protocols/placement.ts'

/** How much each method may do (RFC 9110, section 9.2). What is not here is refused. */
const ACCESS = new Map<string, Access>([
  ['GET', 'read'],
  ['HEAD', 'read'],
  ['OPTIONS', 'read'],
  ['POST', 'write'],
  ['PUT', 'write'],
  ['PATCH', 'write'],
  ['DELETE', 'destructive'],
])

/** Names a request by its method alone: `http:GET`. Throws `unknown_action` for other methods and for one in disguise. */
export function describeHttp(operation: Operation): Action {
  const { method, path, headers } = operation
  const access = ACCESS.get(method)
  if (access === undefined)
    throw new StintError('unknown_action', 'the method is not one of GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE')
  refuseOverride(operation)
  /** What flows after an upgrade is not seen, in either direction. */
  if (headers.upgrade !== undefined) return { id: 'http:UPGRADE', access: 'write', resource: path, parameters: { method } }
  return { id: `http:${method}`, access, resource: path, parameters: {} }
}

/** Any HTTP API: the method says what is done, the path to what; bodies are not read. */
export const http: Connector = {
  kind: 'http',
  summary: 'Any HTTP API: the method says what is done, the path to what; bodies are not read.',
  defaultHosts: [],
  defaultPlacement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  placeholderVariables: [],
  bodyPrefix: () => 0,
  describe: describeHttp,
  obtain: obtainPlaced,
  example: {
    target: {
      id: 'orders',
      connector: 'http',
      hosts: [{ scheme: 'https', host: 'api.example.com', port: 443 }],
      environment: 'production',
      sensitivity: 'confidential',
      labels: [],
      privateNetworks: [],
      credentialId: 'orders-key',
      placement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
    },
    known: [
      { operation: { method: 'GET', path: '/v1/orders' }, action: { id: 'http:GET', access: 'read', resource: '/v1/orders' } },
      { operation: { method: 'HEAD', path: '/' }, action: { id: 'http:HEAD', access: 'read', resource: '/' } },
      { operation: { method: 'POST', path: '/v1/orders' }, action: { id: 'http:POST', access: 'write', resource: '/v1/orders' } },
      {
        operation: { method: 'DELETE', path: '/v1/orders/7' },
        action: { id: 'http:DELETE', access: 'destructive', resource: '/v1/orders/7' },
      },
      {
        operation: { method: 'GET', path: '/v1/live', headers: { upgrade: 'websocket' } },
        action: { id: 'http:UPGRADE', access: 'write', resource: '/v1/live' },
      },
    ],
    unknown: [
      { method: 'TRACE', path: '/' },
      { method: 'CONNECT', path: '/' },
      { method: 'get', path: '/' },
      { method: 'POST', path: '/v1/orders/7', headers: { 'x-http-method-override': 'DELETE' } },
      { method: 'POST', path: '/v1/orders/7', query: '_method=DELETE' },
    ],
  },
}

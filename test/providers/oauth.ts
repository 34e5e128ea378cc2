import assert from 'node:assert/strict'
import type { Injection } from '../../src/credentials/connector.ts'
import { oauth } from '../../src/credentials/connectors/oauth.ts'
import type { Io } from '../../src/credentials/minting.ts'
import { createDial } from '../../src/gateway/dial.ts'
import { createIo } from '../../src/gateway/io.ts'
import type { Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { type AuthorizationServer, CLIENT_SECRET, RESOURCE, startAuthorizationServer } from './authorization-server.ts'
import type { StartProvider } from './provider.ts'

/** A target at the API of a server, with more settings or others. */
export function targetAt({ issuer, api }: AuthorizationServer, settings: Target['settings'] = {}): Target {
  return {
    id: 'orders',
    connector: 'oauth',
    hosts: [{ scheme: 'http', host: '127.0.0.1', port: Number(new URL(api).port) }],
    environment: 'development',
    sensitivity: 'internal',
    labels: [],
    privateNetworks: ['127.0.0.0/8'],
    credentialId: 'orders-client',
    placement: { kind: 'none' },
    settings: {
      token_url: `${issuer}/token`,
      revocation_url: `${issuer}/token/revocation`,
      introspection_url: `${issuer}/token/introspection`,
      issuer,
      client_id: 'by-secret',
      scopes_read: ['orders:read'],
      scopes_write: ['orders:read', 'orders:write'],
      resource: [RESOURCE],
      ...settings,
    },
  }
}

/** The way out of a target, as Stint makes it. */
export function ioOf(target: Target): Io {
  const places = [...target.hosts, ...(oauth.minting?.places?.(target) ?? [])]
  return createIo(createDial({ connectTimeoutMs: 3000 }), places, { privateNetworks: target.privateNetworks }, Date.now)
}

/** What the API answers to a request with what was placed. */
export async function ask(api: string, method: string, injections: readonly Injection[]): Promise<number> {
  const headers = injections.flatMap((one) => (one.kind === 'header' ? [[one.name, one.prefix + one.value.reveal()]] : []))
  const { status } = await fetch(`${api}/orders`, { method, headers: Object.fromEntries(headers) })
  return status
}

/** A real authorization server, and an API that asks it. */
export const start: StartProvider = async () => {
  const server = await startAuthorizationServer()
  const target = targetAt(server)
  return {
    target,
    standing: new Secret(CLIENT_SECRET),
    scope: { targets: ['orders'], actions: ['http:GET'] },
    action: { id: 'http:GET', access: 'read', resource: '/orders', parameters: {} },
    io: ioOf(target),
    propagationMs: 0,
    use: async (injections) => assert.equal(await ask(server.api, 'GET', injections), 200),
    exceed: async (injections) => assert.equal(await ask(server.api, 'POST', injections), 200),
    lie: server.lie,
    close: server.close,
  }
}

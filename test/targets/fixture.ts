import { StintError } from '../../src/errors.ts'
import type { Target } from '../../src/model.ts'

export const TARGET: Target = {
  id: 'orders',
  connector: 'http',
  hosts: [{ scheme: 'https', host: 'api.example.com', port: 443 }],
  environment: 'production',
  sensitivity: 'confidential',
  labels: [],
  privateNetworks: [],
  credentialId: 'orders-key',
  placement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
}

/** The same target on other hosts: `https://host:port` in short. */
export function targetOn(id: string, ...hosts: readonly string[]): Target {
  return {
    ...TARGET,
    id,
    hosts: hosts.map((text) => {
      const [host = '', port = '443'] = text.split(':')
      return { scheme: 'https', host, port: Number(port) }
    }),
  }
}

/** For assert.throws and assert.rejects: a StintError with this code, whose detail has these words. */
export function code(expected: string, words = /./): (thrown: unknown) => boolean {
  return (thrown) => thrown instanceof StintError && thrown.code === expected && words.test(thrown.detail)
}

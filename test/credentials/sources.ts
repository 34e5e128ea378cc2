import type { KeySource } from '../../src/credentials/key-source.ts'
import { commandKeys } from '../../src/credentials/keys/command.ts'
import { fileKeys } from '../../src/credentials/keys/file.ts'
import { transitKeys } from '../../src/credentials/keys/transit.ts'
import type { KeySources } from '../../src/credentials/keys.ts'
import { createDial } from '../../src/gateway/dial.ts'
import { createIo } from '../../src/gateway/io.ts'
import { Secret } from '../../src/secret.ts'
import type { FakeTransit } from '../fakes/transit.ts'

const dial = createDial({ connectTimeoutMs: 5000 })

/** A key of the transit engine, over real HTTP, with the right token unless another is given. */
export function transitSource(transit: FakeTransit, token?: string): KeySource {
  const place = { scheme: 'http', host: '127.0.0.1', port: Number(new URL(transit.url).port) } as const
  const { exchange } = createIo(dial, [place], { privateNetworks: ['127.0.0.0/8'] }, Date.now)
  return transitKeys({ url: transit.url, exchange, token: async () => new Secret(token ?? transit.token) })
}

/** The vault's key in a file, as the server has it unless told otherwise. */
export function fileSource(path: string): KeySources {
  return { current: 'file', sources: { file: fileKeys(path) } }
}

/** The vault's key from what `print` answers, beside a key file. */
export function commandSource(path: string, print: () => Promise<string>): KeySources {
  return { current: 'command', sources: { file: fileKeys(path), command: commandKeys(print) } }
}

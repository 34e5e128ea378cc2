import { StintError } from '../errors.ts'
import type { KeySource, RecordKey, WrappedKey } from './key-source.ts'

/** The kinds of sources, and what a key looks like that one of them wrapped. */
const FORMS = {
  file: /^[0-9a-f]{12}\./,
  command: /^command-/,
  transit: /^vault:v\d+:/,
} as const
export type KeyKind = keyof typeof FORMS
const KINDS = Object.keys(FORMS) as KeyKind[]

/** The sources that are set up. `current` wraps; the others unwrap what they wrapped before, until the key is rotated. */
export interface KeySources {
  readonly current: KeyKind
  readonly sources: Readonly<Partial<Record<KeyKind, KeySource>>>
}

/** The sources as one, with the keys of all records unwrapped once, at start. */
export interface Keys {
  wrap(keys: readonly RecordKey[]): Promise<readonly string[]>
  /** The key of a record that came later; undefined when no source that is set up opens it. */
  unwrap(key: WrappedKey): Promise<Buffer | undefined>
  /** Gets a new current key, unless some of these are wrapped elsewhere: they then move to the current one. */
  renew(wrapped: readonly string[]): Promise<void>
  /** After everything was wrapped under the current key. */
  forget(): Promise<void>
}

/**
 * Opens the sources that are needed and answers the keys of the records: undefined for one that was changed. When a source opens none of
 * its keys it is the wrong one: throws `vault_key_wrong`, as for keys of a source that is not set up. The current one is opened last,
 * since that may make a key: when this throws, nothing was changed.
 */
export async function openKeys<T extends WrappedKey>(
  { current, sources }: KeySources,
  wrapped: readonly T[],
): Promise<{ keys: Keys; unwrapped: ReadonlyMap<T, Buffer> }> {
  const source = sources[current]
  if (source === undefined) throw new StintError('invalid_config', `vaultKeySource is ${current}, which is not set up`)
  const unwrapped = new Map<T, Buffer>()
  for (const kind of [...KINDS.filter((one) => one !== current), current]) {
    const own = wrapped.filter((one) => kindOf(one.wrapped) === kind)
    if (own.length > 0 || kind === current) await unwrapOwn(kind, sources[kind], own, unwrapped)
  }
  const others = Object.values(sources).filter((one) => one !== source)
  const keys: Keys = {
    wrap: source.wrap,
    async unwrap(key) {
      const kind = kindOf(key.wrapped)
      const [found] = (kind === undefined ? undefined : await sources[kind]?.unwrap([key])) ?? []
      return found
    },
    renew: async (wrapped) => (wrapped.every((one) => kindOf(one) === current) ? source.renew() : undefined),
    async forget() {
      await source.forget(false)
      for (const one of others) await one.forget(true)
    },
  }
  return { keys, unwrapped }
}

async function unwrapOwn<T extends WrappedKey>(
  kind: KeyKind,
  source: KeySource | undefined,
  own: readonly T[],
  unwrapped: Map<T, Buffer>,
): Promise<void> {
  if (source === undefined) throw wrong(own.length, `a key of the kind \`${kind}\`, which is not set up`)
  await source.open(own.length > 0)
  if (own.length === 0) return
  const keys = await source.unwrap(own)
  if (keys.every((key) => key === undefined)) throw wrong(own.length, `another key than ${source.what} has`)
  own.forEach((one, at) => {
    const key = keys[at]
    if (key !== undefined) unwrapped.set(one, key)
  })
}

/** Which kind of source wrapped a key; undefined for what none did. */
export function kindOf(wrapped: string): KeyKind | undefined {
  return KINDS.find((kind) => FORMS[kind].test(wrapped))
}

function wrong(count: number, under: string): StintError {
  return new StintError('vault_key_wrong', `${count} of the vault’s records are sealed under ${under}`)
}

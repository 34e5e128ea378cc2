import { inspect } from 'node:util'

const REDACTED = '[secret]'

/**
 * A value that cannot be printed: string coercion, JSON, `util.inspect`, template literals and log serialisers all see
 * `[secret]` (G2). `reveal` is the only way out, so every use can be found by name.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The value itself. Call it where the bytes leave, never earlier. */
  reveal(): string {
    return this.#value
  }

  get length(): number {
    return this.#value.length
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  [Symbol.toPrimitive](): string {
    return REDACTED
  }

  [inspect.custom](): string {
    return REDACTED
  }
}

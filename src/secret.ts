import { inspect } from 'node:util'

const REDACTED = '[secret]'

/**
 * Shorter secrets are not kept and not looked for in answers: so few bytes are found in ordinary text, and covering that would give
 * the secret away and break the answer.
 */
export const SHORTEST_SECRET_BYTES = 8

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

/**
 * A recorded allow: proof, as a value, that the decision about `decided` is durable in the log at `index` (G1). Only
 * `grant` makes one, and only audit/record.ts calls `grant` (test/architecture.test.ts); `Permit.check` refuses a forgery
 * made by casting.
 */
export class Permit<T> {
  readonly #genuine = true
  readonly index: number
  readonly decided: T

  private constructor(index: number, decided: T) {
    this.index = index
    this.decided = decided
  }

  /** True only for values that `grant` made. */
  static check(value: unknown): value is Permit<unknown> {
    return typeof value === 'object' && value !== null && #genuine in value
  }

  /** For audit/record.ts alone, after the entry is durable. */
  static grant<T>(index: number, decided: T): Permit<T> {
    return new Permit(index, decided)
  }
}

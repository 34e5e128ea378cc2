/** A bounded memory: what was not used for a whole generation is forgotten. */
export interface Cache<T> {
  get(key: string): T | undefined
  set(key: string, value: T): void
}

/** Longer keys are not kept: their length is the attacker's to choose. */
export const MAX_KEY = 1024

/** Holds at most `2 × generation` values. */
export function createCache<T>(generation: number): Cache<T> {
  let young = new Map<string, T>()
  let old = new Map<string, T>()
  const keep = (key: string, value: T): void => {
    if (young.size >= generation) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }
  return {
    get(key) {
      const value = young.get(key)
      if (value !== undefined) return value
      const aged = old.get(key)
      if (aged !== undefined) keep(key, aged)
      return aged
    },
    set(key, value) {
      if (key.length <= MAX_KEY) keep(key, value)
    },
  }
}

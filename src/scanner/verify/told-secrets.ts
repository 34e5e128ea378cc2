import type { Secret } from '../../secret.ts'

/** Of so many different secrets at most the values are kept, since a file can be made to hold any number of what looks like one. */
export const MOST_TOLD = 10_000

/** Secrets that are to be verified, by fingerprint. */
export interface ToldSecrets {
  /** Keeps it, unless there are too many. */
  tell(fingerprint: string, secret: Secret): void
  get(fingerprint: string): Secret | undefined
}

export function createToldSecrets(most = MOST_TOLD): ToldSecrets {
  const told = new Map<string, Secret>()
  return {
    tell(fingerprint, secret) {
      if (told.size < most || told.has(fingerprint)) told.set(fingerprint, secret)
    },
    get: (fingerprint) => told.get(fingerprint),
  }
}

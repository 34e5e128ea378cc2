import { randomBytes } from 'node:crypto'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
/** 30 bits tell installations at one provider apart; 80 bits one lease from all others. */
const LETTERS = { installation: 6, lease: 16 }
const ID = /^lease_([a-z2-7]{6})[a-z2-7]{16}$/
/** Some providers take no `_` in a name. */
const ID_IN_A_NAME = /\blease[_-]([a-z2-7]{22})\b/

/** A new lease’s id: `lease_`, the installation, then random base32 in lower case. Providers take it as part of any name. */
export function newLeaseId(installation: string): string {
  return `lease_${installation}${letters(LETTERS.lease)}`
}

/** A new installation’s part of every lease id. */
export function newInstallation(): string {
  return letters(LETTERS.installation)
}

/** Whether a text found at a provider is the id of a lease of this installation. Attacker-controlled. */
export function isOurs(text: string, installation: string): boolean {
  return ID.exec(text)?.[1] === installation
}

/** The id of a lease, of any installation, that a name at a provider bears. Attacker-controlled. */
export function leaseIdIn(name: string): string | undefined {
  const [, random] = ID_IN_A_NAME.exec(name) ?? []
  return random === undefined ? undefined : `lease_${random}`
}

function letters(count: number): string {
  return Array.from(randomBytes(count), (byte) => ALPHABET[byte & 31]).join('')
}

import { randomBytes } from 'node:crypto'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const LENGTH = 22

/** What `newTaskId` makes. */
export const TASK_ID = new RegExp(`^task_[${DIGITS}]{${LENGTH}}$`)

/** A new task id, `task_` and 22 characters: 48 bits of time, so that ids sort by age, then 80 random bits. */
export function newTaskId(now: number): string {
  let rest = (BigInt(now) << 80n) | BigInt(`0x${randomBytes(10).toString('hex')}`)
  let text = ''
  for (let i = 0; i < LENGTH; i++) {
    text = DIGITS.charAt(Number(rest % 62n)) + text
    rest /= 62n
  }
  return `task_${text}`
}

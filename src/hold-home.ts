import { lockDirectory } from './audit/lock.ts'
import { StintError } from './errors.ts'

/** One Stint for each data directory. Answers how to let go. Throws `already_running`. */
export function holdHome(home: string): () => void {
  try {
    return lockDirectory(home)
  } catch (cause) {
    throw new StintError('already_running', `another Stint runs on ${home}`, { cause })
  }
}

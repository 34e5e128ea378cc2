import { readFileSync } from 'node:fs'
import { constants } from 'node:os'

/**
 * Signals that are handed on. SIGUSR1 and SIGUSR2 too: without a listener SIGUSR1 would open Node's debugger, through which the
 * command could take the key.
 */
export const FORWARDED = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const
const FROM_THE_KEYBOARD: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

/** The signals this process gets, none of them lost: from the first moment until they are let go. */
export interface CaughtSignals {
  /** Aborted by a signal that came while there was no command to tell, with its name as the reason. A second one ends this process. */
  readonly interrupted: AbortSignal
  /** From now on they go to `send`, except those that the terminal has sent to the command as well; or to nobody. */
  forward(send: ((signal: NodeJS.Signals) => void) | undefined): void
  release(): void
}

/** Catches them from now on. */
export function catchSignals(): CaughtSignals {
  const interruption = new AbortController()
  let send: ((signal: NodeJS.Signals) => void) | undefined
  const listeners = FORWARDED.map((signal) => [signal, () => hear(signal)] as const)
  for (const [signal, listen] of listeners) process.on(signal, listen)
  return {
    interrupted: interruption.signal,
    forward: (to) => {
      send = to
    },
    release() {
      for (const [signal, listen] of listeners) process.off(signal, listen)
    },
  }

  function hear(signal: NodeJS.Signals): void {
    if (send !== undefined) {
      if (!(FROM_THE_KEYBOARD.includes(signal) && isInForeground())) send(signal)
    } else if (interruption.signal.aborted) process.exit(exitCodeOf(null, signal))
    else interruption.abort(signal)
  }
}

/** True when a key pressed in the terminal signals this process, and with it the command, which is in the same group. */
function isInForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8')
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return group !== undefined && group === foreground
  } catch {
    return process.stdin.isTTY === true
  }
}

/** The exit code of a command as a shell reports it: its own, or 128 and the number of the signal that ended it. */
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal])
}

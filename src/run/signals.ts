import { readFileSync } from 'node:fs'
import { constants } from 'node:os'

/**
 * Signals that are handed on. SIGUSR1 and SIGUSR2 too: without a listener SIGUSR1 would open Node's debugger, through which the
 * command could take the key.
 */
const FORWARDED = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const
const FROM_THE_KEYBOARD: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

/** Hands the signals this process gets to `send`, except those the terminal has sent to the command as well. The answer stops it. */
export function forwardSignals(send: (signal: NodeJS.Signals) => void): () => void {
  const listeners = FORWARDED.map((signal) => {
    const listen = () => {
      if (!(FROM_THE_KEYBOARD.includes(signal) && isInForeground())) send(signal)
    }
    process.on(signal, listen)
    return () => process.off(signal, listen)
  })
  return () => {
    for (const stop of listeners) stop()
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

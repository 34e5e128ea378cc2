import type { Output } from './command.ts'

/** Somewhere to write text: a process stream, or a collector in tests. */
export interface Sink {
  write(text: string): unknown
}

/** Results on `out`, everything else on `err`. What comes from outside cannot move the cursor or colour a terminal. */
export function createOutput(isJson: () => boolean, out: Sink, err: Sink): Output {
  return {
    get json() {
      return isJson()
    },
    print(value, text) {
      out.write(isJson() ? `${JSON.stringify(value)}\n` : `${harmless(text(value)).trimEnd()}\n`)
    },
    say(line) {
      if (!isJson()) err.write(`${harmless(line)}\n`)
    },
  }
}

/** The text with control characters and direction overrides made visible (Trojan Source, CVE-2021-42574); new lines and tabs stay. */
export function harmless(text: string): string {
  return text.replace(/[^\P{C}\n\t]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

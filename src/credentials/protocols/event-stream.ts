import { StringDecoder } from 'node:string_decoder'
import { StintError } from '../../errors.ts'
import type { AnswerReader } from '../connector.ts'

/** UTF-16 code units of one event, unless another limit is given. */
const MAX_EVENT = 16 * 1024 * 1024
const FIELDS = new Set(['event', 'id', 'retry'])

/**
 * Reads a stream of server-sent events (HTML, section 9.2.6) and writes it in one spelling, event by event as they come. `read` gets the
 * data of each and answers what its client gets instead, or undefined where it gets none; the event's id passes in any case, so that a
 * stream can be taken up again behind it; `spellId` may write it another way. `maxLength` is in UTF-16 code units. Attacker-controlled.
 */
export function createEventReader(
  read: (data: string) => string | undefined,
  { spellId = (id) => id, maxLength = MAX_EVENT }: { spellId?: (id: string) => string; maxLength?: number } = {},
): AnswerReader {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  let isStart = true
  let event: string[] = []
  let size = 0

  return {
    push(chunk) {
      const text = decoder.write(chunk)
      const mayEnd = rest.endsWith('\r') || /[\r\n]/.test(text)
      rest += text
      if (isStart && rest !== '') {
        if (rest.startsWith('\ufeff')) rest = rest.slice(1)
        isStart = false
      }
      if (size + rest.length > maxLength && !mayEnd) throw tooLarge()
      if (!mayEnd) return Buffer.alloc(0)
      const lines = rest.split(/\r\n|\n|\r(?!$)/) // a CR at the end may be half of a CRLF
      rest = lines.pop() ?? ''
      if (size + rest.length > maxLength) throw tooLarge()
      return Buffer.from(lines.map(takeLine).join(''))
    },
    end: () => Buffer.alloc(0), // an event that is not complete is none
  }

  function takeLine(line: string): string {
    if (line === '') return endEvent()
    size += line.length
    if (size > maxLength) throw tooLarge()
    event.push(line)
    return ''
  }

  function endEvent(): string {
    const fields = event.map(fieldIn)
    ;[event, size] = [[], 0]
    const kept = fields.filter(([name]) => FIELDS.has(name))
    const data = fields.filter(([name]) => name === 'data').map(([, value]) => value)
    const given = data.some((line) => line !== '') ? read(data.join('\n')) : data.join('\n')
    const lines = kept.map(([name, value]) => `${name}: ${name === 'id' ? spellId(value) : value}\n`)
    if (data.length > 0 && given !== undefined) lines.push(...given.split('\n').map((line) => `data: ${line}\n`))
    return lines.length === 0 ? ':\n\n' : `${lines.join('')}\n`
  }
}

function fieldIn(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(':')
  if (colon === -1) return [line, '']
  return [line.slice(0, colon), line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)]
}

function tooLarge(): StintError {
  return new StintError('upstream_failed', 'the target sent an event that is too large to be read')
}

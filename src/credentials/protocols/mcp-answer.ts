import { StintError } from '../../errors.ts'
import { isMembers } from '../../members.ts'
import type { Target } from '../../model.ts'
import type { AnswerReader, AnswerStart, AnswerVerbs } from '../connector.ts'
import { createEventReader } from './event-stream.ts'
import { digestState, readRequest } from './mcp-action.ts'
import { McpFault, RPC, type RpcId } from './mcp-fault.ts'
import { answerBytes } from './mcp-limits.ts'
import { isDisguised, showUsable } from './mcp-lists.ts'
import { type McpMessage, messageOf } from './mcp-message.ts'
import { isServerNotification, serverRequestNamed } from './mcp-methods.ts'

const TYPE = /^(application\/json|text\/event-stream)(?: *; *charset="?utf-8"?)?$/i

/**
 * Reads what a server answers: lists show what the task could use, what the server asks of the client gets through where policy would
 * allow it, and what is no message of MCP does not. Undefined where no message is due: an error's page, the answer to a DELETE. Throws
 * `upstream_failed` for a type that only some would read.
 */
export function readMcpAnswer(
  { asked, status, headers }: AnswerStart,
  target: Target,
  verbs: AnswerVerbs,
): AnswerReader | undefined {
  const type = String(headers['content-type'] ?? '')
  const known = TYPE.exec(type)?.[1]?.toLowerCase()
  const pass = (text: string) => passMessage(text, target, verbs)
  if (known === 'text/event-stream') return createEventReader(pass, { maxLength: answerBytes(target) })
  if (known === 'application/json')
    return createJsonReader((text) => (status >= 400 && !isMessage(text) ? text : pass(text)), asked, answerBytes(target))
  if (/application\/json|text\/event-stream/i.test(type))
    throw new StintError('upstream_failed', 'the target’s answer has a type that two readers could read differently')
  return status >= 400 || asked.method === 'DELETE' ? undefined : NOTHING
}

/** A success of another type has no body, or is refused: who knows what a client would make of it. */
const NOTHING: AnswerReader = {
  push(chunk) {
    if (chunk.length === 0) return chunk
    throw new StintError('upstream_failed', 'the target’s answer has a type that MCP does not have')
  },
  end: () => Buffer.alloc(0),
}

/** The text its client gets: the same where nothing is to be changed. */
function passMessage(text: string, target: Target, verbs: AnswerVerbs): string | undefined {
  const message = messageIn(text)
  if (message === undefined) return held('what is no message of MCP')
  if (message.kind === 'notification')
    return isServerNotification(message.method) ? text : held('a notification of no known method')
  if (message.kind === 'request') return mayAsk(message.method) ? text : refuseIt(message.id)
  const { result } = message
  if (result !== undefined && isDisguised(result)) return held('a result whose member is spelled in another case')
  if (!Object.values(result?.inputRequests ?? {}).every(isAllowedInput)) return undefined
  if (typeof result?.requestState === 'string') verbs.bindState(digestState(result.requestState))
  const shown = result && showUsable(result, target, verbs)
  return shown === result ? text : JSON.stringify({ jsonrpc: '2.0', id: message.id, result: shown })

  /** 2026-07-28 asks in its answer, whose client then asks again with what it found ("Multi round-trip requests"). */
  function isAllowedInput(input: unknown): boolean {
    return mayAsk(isMembers(input) ? String(input.method) : '')
  }

  function mayAsk(method: string): boolean {
    const action = serverRequestNamed(method)
    if (action === undefined) held('a request of no known method')
    else if (verbs.foresee({ ...action, resource: '', parameters: { method } }) === 'allow') return true
    else held(`${action.id}, which policy does not allow`)
    return false
  }

  /** So that its server does not wait for who never hears of it. */
  function refuseIt(id: RpcId): undefined {
    const error = { code: RPC.refused, message: 'Stint: the client is not asked this under the task’s policy.' }
    verbs.answerBack(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, error })))
  }

  function held(what: string): undefined {
    verbs.noteHeldBack(what)
  }
}

/** The whole text at its end. Where nothing of it gets through its client is told so, under the id that it waits for. */
function createJsonReader(read: (text: string) => string | undefined, asked: AnswerStart['asked'], most: number): AnswerReader {
  const chunks: Buffer[] = []
  let size = 0
  return {
    push(chunk) {
      size += chunk.length
      if (size > most) throw new StintError('upstream_failed', 'the target’s answer is too large to be read')
      chunks.push(chunk)
      return Buffer.alloc(0)
    },
    end() {
      if (size === 0) return Buffer.alloc(0)
      const error = { code: RPC.refused, message: 'Stint: what the server answered is held back; the operator is told why.' }
      return Buffer.from(
        read(Buffer.concat(chunks).toString('utf8')) ?? JSON.stringify({ jsonrpc: '2.0', id: askedId(asked), error }),
      )
    },
  }
}

/** The request was taken, so that it can be read again. */
function askedId(asked: AnswerStart['asked']): string | number | null {
  const { message } = readRequest(asked)
  return message?.kind === 'request' ? message.id : null
}

function isMessage(text: string): boolean {
  return messageIn(text) !== undefined
}

function messageIn(text: string): McpMessage | undefined {
  try {
    return messageOf(JSON.parse(text))
  } catch (thrown) {
    if (thrown instanceof McpFault || thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}

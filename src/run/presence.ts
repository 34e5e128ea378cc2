import { request } from 'node:http'

/** What the server said last about a task whose presence is held; `over` is the state it ended in, with the reason. */
export type OnOver = (why: string) => void

const MAX_LINE = 64 * 1024
const OVER_CODES = ['task_not_live', 'not_found', 'revoked']

/**
 * Holds `GET /v1/tasks/:id/presence` open on the operator socket, and comes back after a restart of the server. Runs `onOver` once
 * when the server says the task is over. The answer lets go.
 */
export function holdPresence(socketPath: string, taskId: string, onOver: OnOver): () => void {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let drop = () => {}
  let delayMs = 100
  attempt()
  return () => {
    stopped = true
    clearTimeout(timer)
    drop()
  }

  function attempt(): void {
    const asked = request({ socketPath, path: `/v1/tasks/${encodeURIComponent(taskId)}/presence`, agent: false })
    drop = () => asked.destroy()
    asked.on('response', (answer) => {
      if (answer.statusCode === 200) delayMs = 100
      let rest = ''
      answer.on('data', (chunk) => {
        const lines = `${rest}${chunk}`.split('\n')
        rest = lines.pop()?.slice(-MAX_LINE) ?? ''
        for (const line of lines) hear(line)
      })
      answer.on('end', () => hear(rest))
      answer.on('error', () => {})
      answer.on('close', again)
    })
    asked.on('error', again)
    asked.end()
  }

  function hear(line: string): void {
    const why = overIn(line)
    if (why === undefined || stopped) return
    stopped = true
    drop()
    onOver(why)
  }

  function again(): void {
    if (stopped) return
    clearTimeout(timer)
    timer = setTimeout(attempt, delayMs)
    delayMs = Math.min(delayMs * 2, 1000)
  }
}

/** Reads one line of the stream, or of a problem document that answers instead of it. */
function overIn(line: string): string | undefined {
  const start = line.indexOf('{')
  if (start < 0) return undefined
  try {
    const said: unknown = JSON.parse(line.slice(start))
    if (typeof said !== 'object' || said === null) return undefined
    if ('code' in said && OVER_CODES.includes(String(said.code))) return String(said.code)
    if (!('event' in said) || said.event !== 'ended' || !('task' in said)) return undefined
    const task = said.task as { state?: unknown; endReason?: unknown } | null
    return [task?.state ?? 'ended', task?.endReason].filter((part) => typeof part === 'string').join(': ')
  } catch {
    return undefined
  }
}

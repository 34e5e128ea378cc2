/** The operator's API calls, as the CLI makes them. */
import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import { type ErrorCode, StintError } from '../../src/errors.ts'
import type { Call } from '../../src/run/task-session.ts'

export function callAt(home: string): Call {
  return <T>(method: string, path: string, body?: unknown) => {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const asked = request({ socketPath: `${home}/operator.sock`, method, path, agent: false })
    asked.on('error', () => reject(new StintError('not_running', 'no server')))
    asked.on('response', async (answer) => {
      const said = (await json(answer)) as { code: ErrorCode; detail: string }
      if (answer.statusCode === 200 || answer.statusCode === 201) resolve(said as T)
      else reject(new StintError(said.code, said.detail))
    })
    asked.end(method === 'GET' ? undefined : JSON.stringify(body ?? {}))
    return promise
  }
}

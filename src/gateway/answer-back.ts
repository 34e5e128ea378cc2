import type { Flow, Operation } from '../model.ts'
import type { Plan } from './inject.ts'
import type { Route } from './pools.ts'

/** Messages of Stint's own in one exchange: a target that asks and asks is answered so often. */
const MAX_MESSAGES = 100
/** What such a message says of itself as the client's would. */
const KEPT = ['mcp-session-id', 'mcp-protocol-version', 'user-agent']

/** Tells a target something in place of its client; `onFailed` hears it once where that did not arrive. */
export type AnswerBack = (body: Uint8Array, onFailed: (why: string) => void) => void

/**
 * The way to say something to the target of an exchange, at the same place, with the same credential, until it is cut. Nothing of the
 * caller's is in it, so that the exchange's own decision covers it. What the target answers is dropped. A lease that signs has none.
 */
export function createAnswerBack(operation: Operation, plan: Plan, flow: Flow, enter: () => Route): AnswerBack {
  let count = 0
  return (body, onFailed) => {
    count += 1
    if (count > MAX_MESSAGES || flow.isCut || plan.sign !== undefined) return onFailed('the exchange says no more')
    const fields = KEPT.flatMap((name) => (operation.headers[name] === undefined ? [] : [[name, operation.headers[name]]]))
    const own = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
    const { host } = operation.headers
    const headers = { ...(host !== undefined && { host }), ...own, ...Object.fromEntries(fields) }
    const { path, headers: sent } = plan.apply({ ...operation, method: 'POST', headers })
    const route = enter()
    const fail = (why: string): void => {
      route.leave()
      onFailed(why)
    }
    route.dispatch(
      { method: 'POST', path, headers: sent, body: Buffer.from(body) },
      {
        onRequestStart: (controller) => flow.onCut(() => controller.abort(new Error('the exchange was cut'))),
        onResponseStart(controller, status) {
          if (status >= 300) controller.abort(new Error(`the target answered ${status}`))
        },
        onResponseData: () => undefined,
        onResponseEnd: () => route.leave(),
        onResponseError: (_controller, error) => fail(error.message),
      },
    )
  }
}

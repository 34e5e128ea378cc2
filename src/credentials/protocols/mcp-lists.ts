import type { Action, Target } from '../../model.ts'
import type { AnswerVerbs } from '../connector.ts'
import { accessOfTool } from './mcp-action.ts'
import { isMembers, type Members } from './mcp-message.ts'

/** How an item of a list would be used. Undefined for one without its name. */
type UseOf = (item: Members, target: Target) => Action | undefined

/** By the member of a result that holds the list: what is in it is known by this and not by what was asked, so that no id can hide it. */
const LISTS: Readonly<Record<string, UseOf>> = {
  tools: ({ name }, target) =>
    typeof name === 'string' ? use('mcp:Tool::call', `tool/${name}`, 'tools/call', accessOfTool(name, target)) : undefined,
  prompts: ({ name }) => (typeof name === 'string' ? use('mcp:Prompt::get', `prompt/${name}`, 'prompts/get') : undefined),
  resources: ({ uri }) => readOf(uri),
  resourceTemplates: ({ uriTemplate }) => readOf(uriTemplate),
}

function readOf(uri: unknown): Action | undefined {
  return typeof uri === 'string' ? use('mcp:Resource::read', uri, 'resources/read') : undefined
}

function use(id: string, resource: string, method: string, access: Action['access'] = 'read'): Action {
  return { id, access, resource, parameters: { method } }
}

/**
 * A result whose lists hold what the task could use, or be allowed to when somebody consents; the same object where that is all of them.
 * The rest, cursors included, stays as it is.
 */
export function showUsable(result: Members, target: Target, verbs: AnswerVerbs): Members {
  let shown = result
  for (const [member, useOf] of Object.entries(LISTS)) {
    const items = result[member]
    if (!Array.isArray(items)) continue
    const usable = items.filter((item) => {
      const action = isMembers(item) ? useOf(item, target) : undefined
      return action !== undefined && verbs.foresee(action) !== 'deny'
    })
    if (usable.length < items.length) shown = { ...shown, [member]: usable }
  }
  return shown
}

import { isMembers, type Members } from '../../members.ts'
import type { Action, Target } from '../../model.ts'
import type { AnswerVerbs } from '../connector.ts'
import { accessOfTool } from './mcp-action.ts'
import { fitsPin, hasPin } from './mcp-pins.ts'
import { foldName } from './strict-json.ts'

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

/** Members of a result that are read here, by their folded names. */
const READ = new Map([...Object.keys(LISTS), 'inputRequests', 'requestState', 'cacheScope'].map((name) => [foldName(name), name]))

/** True for a member that some clients would take for one that is read here, and others not. */
export function isDisguised(result: Members): boolean {
  return Object.keys(result).some((name) => (READ.get(foldName(name)) ?? name) !== name)
}

function readOf(uri: unknown): Action | undefined {
  return typeof uri === 'string' ? use('mcp:Resource::read', uri, 'resources/read') : undefined
}

function use(id: string, resource: string, method: string, access: Action['access'] = 'read'): Action {
  return { id, access, resource, parameters: { method } }
}

/**
 * A result whose lists hold what the task could use, or be allowed to when somebody consents, with the
 * definitions that the operator has taken; the same object where it holds no list. Such a list is this task's: one that its server says
 * any caller may be given from a cache (`cacheScope`, MCP 2026-07-28, "Caching") is private. The rest, cursors included, stays as it is.
 */
export function showUsable(result: Members, target: Target, verbs: AnswerVerbs): Members {
  let shown = result
  for (const [member, useOf] of Object.entries(LISTS)) {
    const items = result[member]
    if (!Array.isArray(items)) continue
    const usable = items.filter((item) => {
      const action = isMembers(item) ? useOf(item, target) : undefined
      if (action === undefined) return false
      const isTaken = member !== 'tools' || isAsPinned(item, action, target, verbs)
      return isTaken && verbs.foresee(action) !== 'deny'
    })
    shown = { ...shown, [member]: usable, ...(result.cacheScope !== undefined && { cacheScope: 'private' }) }
  }
  return shown
}

/** One that changed is refused from now on, until its server defines it again as it was, or the operator takes it. */
function isAsPinned(item: Members, action: Action, target: Target, verbs: AnswerVerbs): boolean {
  const isTaken = fitsPin(item, target)
  const isKnown = hasPin(String(item.name), target)
  if (isKnown) verbs.setChanged(action, !isTaken)
  if (!isTaken)
    verbs.noteHeldBack(
      `${action.resource}, ${isKnown ? 'whose definition changed' : 'which is not pinned'}: stint mcp pin ${target.id}`,
    )
  return isTaken
}

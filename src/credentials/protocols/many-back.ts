import { isMembers } from '../../members.ts'
import type { Target } from '../../model.ts'
import { parseExact } from './exact-json.ts'
import { spellId, spellName, spellUri } from './many-names.ts'

type Open = Record<string, unknown>

/**
 * A message of one server as the address of many says it: names, URIs and ids that its client will send back say whose they are. The same
 * text where it holds none. It has passed the target's own connector.
 */
export function spellMessage(text: string, target: Target): string {
  const message = parseExact(text)
  if (!isMembers(message)) return text
  const isChanged = message.method === undefined ? spellResult(message.result, target) : spellCall(message, target)
  return isChanged ? JSON.stringify(message) : text
}

function spellCall(message: Open, target: Target): boolean {
  const params: Open = isMembers(message.params) ? message.params : {}
  if (message.id !== undefined) {
    message.id = spellId(target, message.id)
    if (isMembers(params._meta)) change(params._meta, 'progressToken', (token) => spellId(target, token))
    return true
  }
  if (message.method === 'notifications/cancelled') return change(params, 'requestId', (id) => spellId(target, id))
  return message.method === 'notifications/resources/updated' && changeText(params, 'uri', (uri) => spellUri(target, uri))
}

/** Lists by their members, since what was asked is not believed to be what was answered. */
export function spellResult(result: unknown, target: Target): boolean {
  if (!isMembers(result)) return false
  const name = (one: Open): boolean => changeText(one, 'name', (text) => spellName(target, text))
  const uri = (one: Open): boolean => changeText(one, 'uri', (text) => spellUri(target, text))
  return [
    ...itemsOf(result.tools).map(name),
    ...itemsOf(result.prompts).map(name),
    ...itemsOf(result.resources).map(uri),
    ...itemsOf(result.resourceTemplates).map((one) => changeText(one, 'uriTemplate', (text) => spellUri(target, text))),
    ...itemsOf(result.contents).map(uri),
    ...itemsOf(result.content).map(spellContent),
    ...itemsOf(result.messages).map(({ content }) => itemsOf([content]).some(spellContent)),
  ].includes(true)

  function spellContent(block: Open): boolean {
    if (block.type === 'resource_link') return uri(block)
    return block.type === 'resource' && isMembers(block.resource) && uri(block.resource)
  }
}

function itemsOf(value: unknown): readonly Open[] {
  return Array.isArray(value) ? value.filter(isMembers) : []
}

function changeText(members: Open, name: string, spell: (text: string) => string): boolean {
  return change(members, name, (value) => (typeof value === 'string' ? spell(value) : value))
}

/** False where there is none. */
function change(members: Open, name: string, spell: (value: unknown) => unknown): boolean {
  if (members[name] === undefined) return false
  members[name] = spell(members[name])
  return true
}

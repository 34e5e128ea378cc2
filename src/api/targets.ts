import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { pageOver } from './paging.ts'
import { addTarget, byName, DONE, done, millis, pageOf, pageQuery, preset, shownTarget, target } from './schemas.ts'

export const add = endpoint({
  summary: 'Declares a system that can be acted on.',
  body: addTarget,
  response: target,
  status: 201,
  handle: (verbs, { body }) => verbs.targets.add(body),
})

export const list = endpoint({
  summary: 'Declared targets, by id.',
  query: pageQuery,
  response: pageOf(target),
  handle: async (verbs, { query }) => pageOver(await verbs.targets.list(), (one) => one.id, query),
})

export const show = endpoint({
  summary: 'One target, and the environment variables its tools look for.',
  params: byName,
  response: shownTarget,
  handle: async (verbs, { params }) => {
    const found = await verbs.targets.get(params.id)
    return { ...found, ...verbs.targets.tools(found) }
  },
})

export const remove = endpoint({
  summary: 'Forgets a target; requests to its hosts are refused from now on.',
  params: byName,
  response: done,
  handle: async (verbs, { params }) => {
    await verbs.targets.remove(params.id)
    return DONE
  },
})

const probe = z
  .object({ steps: z.array(z.object({ step: z.string(), ok: z.boolean(), detail: z.string() })).readonly() })
  .meta({ id: 'TargetProbe' })

export const test = endpoint({
  summary: 'Resolves, connects to and greets each host of a target, without a credential.',
  params: byName,
  response: probe,
  handle: async (verbs, { params }) => ({ steps: await verbs.targets.probe(params.id) }),
})

const identity = z
  .object({
    kind: z.enum(['account', 'key', 'token']),
    id: z.string().describe('As the provider names it.'),
    access: z.enum(['admin', 'limited', 'unknown']).describe('`admin`: it can make or change others.'),
    isUsable: z.boolean().describe('False where it is locked, disabled or expired.'),
    createdAt: millis.exactOptional(),
    lastUsedAt: millis.exactOptional(),
    expiresAt: millis.exactOptional(),
    leaseId: z.string().exactOptional().describe('The lease that it was made for.'),
  })
  .meta({ id: 'Identity' })

export const discover = endpoint({
  summary: 'Lists who can act at a target, as its provider tells the credential that makes others.',
  params: byName,
  response: z.object({ items: z.array(identity).readonly() }),
  handle: async (verbs, { params }) => ({ items: await verbs.targets.discover(params.id) }),
})

const pinnedTool = z
  .object({
    name: z.string(),
    digest: z.string().describe('SHA-256 of its definition, in hex.'),
    change: z.enum(['new', 'changed', 'same']).describe('Since it was last taken.'),
  })
  .meta({ id: 'PinnedTool' })

export const pin = endpoint({
  summary: 'Takes the tools of an MCP server as it defines them now: any other definition is held back, and its calls refused.',
  params: byName,
  response: z.object({ items: z.array(pinnedTool).readonly() }),
  handle: async (verbs, { params }) => ({ items: await verbs.targets.pin(params.id) }),
})

export const presets = endpoint({
  summary: 'Systems that are ready to add.',
  response: z.object({ items: z.array(preset).readonly() }),
  handle: (verbs) => ({ items: verbs.targets.presets() }),
})

import { z } from 'zod'
import type { Json } from '../credentials/rotation/recipe.ts'
import { millis, name, wholeText } from './schemas.ts'

const json: z.ZodType<Json> = z.json().describe('Any JSON; `{{name}}` in its strings stands for a value.')
const text = (max: number) => z.string().min(1).max(max)
const pointer = z.string().max(500).describe('A JSON Pointer (RFC 6901) into the answer.')
const statuses = z.array(z.number().int().min(100).max(599)).min(1).max(20).readonly()
const seconds = z.number().int().min(0).max(86_400)

const request = z
  .strictObject({
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
    url: text(4096),
    with: z.enum(['old', 'new', 'key']).exactOptional().describe('Which value it shows, where the target has its credential.'),
    headers: z.record(text(100), text(4096)).readonly().exactOptional(),
    body: json.exactOptional(),
  })
  .meta({ id: 'RecipeRequest' })

export const recipe = z
  .strictObject({
    target: name,
    origins: z.array(text(300)).max(10).readonly().exactOptional(),
    currentId: text(512).exactOptional(),
    make: z.strictObject({ request, new: pointer, id: pointer.exactOptional() }),
    find: z.strictObject({ request, keys: pointer, name: pointer, id: pointer }).exactOptional(),
    probe: z.strictObject({ request, works: statuses.exactOptional(), refused: statuses.exactOptional() }),
    retire: z.strictObject({ request }),
    graceSeconds: seconds.exactOptional(),
    propagationSeconds: seconds.exactOptional(),
  })
  .meta({ id: 'Recipe' })

const everySeconds = z.number().int().min(60).max(31_536_000).exactOptional()
export const declareRecipe = z.strictObject({ recipe, everySeconds }).meta({ id: 'DeclareRecipe' })
export const declaredRecipe = z
  .object({
    credentialId: z.string(),
    recipe,
    everySeconds: everySeconds.describe('How often it is rotated by itself; absent for never.'),
    declaredAt: millis,
    version: z.number().describe('The version of the credential that `currentId` is of.'),
    rotatedAt: millis.exactOptional(),
    undoneAt: millis.exactOptional(),
  })
  .meta({ id: 'DeclaredRecipe' })

export const rotation = z
  .object({
    id: z.string(),
    credentialId: z.string(),
    targetId: z.string(),
    state: z
      .enum(['making', 'verifying', 'storing', 'retiring', 'dead', 'undoing', 'undone'])
      .describe(
        '`dead` when the old key was seen refused by the probe that saw it work; `undone` when the old one stays in use.',
      ),
    keeper: z.string().describe('The gateway that sees to it.'),
    startedBy: z.string().describe('A caller, or `schedule`.'),
    oldId: z.string().exactOptional().describe('What the target calls the key it began with.'),
    newId: z.string().exactOptional(),
    startedAt: millis,
    askedAt: millis.exactOptional().describe('Since when a new key may exist.'),
    madeAt: millis.exactOptional(),
    storedAt: millis.exactOptional().describe('Since when every gateway uses the new key.'),
    retiredAt: millis.exactOptional().describe('When the target said that the key is ended.'),
    endedAt: millis.exactOptional(),
    why: z.string().exactOptional().describe('Why it is undone.'),
    unaccounted: z.string().exactOptional().describe('A key that may exist and that nobody can end: what to look for.'),
    attempts: z.number().int().nonnegative(),
    lastError: z.string().exactOptional(),
    lateAt: millis.exactOptional().describe('Since when it has been alerted on.'),
    sightings: z
      .array(z.object({ at: millis, key: z.enum(['old', 'new']), saw: z.enum(['live', 'refused']) }))
      .readonly()
      .describe('Looks at whether the keys work: the evidence.'),
  })
  .meta({ id: 'Rotation' })

export const rotationQuery = z.strictObject({ limit: wholeText(1, 500).default(20) })

import { z } from 'zod'
import { callerOf, endpoint } from './endpoint.ts'
import { declaredRecipe, declareRecipe, rotation, rotationQuery } from './rotation-schemas.ts'
import { byName, DONE, done } from './schemas.ts'

export const declare = endpoint({
  summary: 'How a credential is rotated, and how often. docs/rotation.md has an example.',
  params: byName,
  body: declareRecipe,
  response: declaredRecipe,
  handle: (verbs, { params, body }) => verbs.rotations.declare(params.id, body.recipe, body.everySeconds),
})

export const recipe = endpoint({
  summary: 'The recipe of a credential, with the id of the key it has now.',
  params: byName,
  response: declaredRecipe,
  handle: (verbs, { params }) => verbs.rotations.recipe(params.id),
})

export const forget = endpoint({
  summary: 'Forgets the recipe of a credential; the credential stays as it is.',
  params: byName,
  response: done,
  handle: async (verbs, { params }) => {
    await verbs.rotations.forget(params.id)
    return DONE
  },
})

export const begin = endpoint({
  summary: 'Begins to rotate a credential by its recipe; the old key is dead when the state says so.',
  params: byName,
  response: rotation,
  status: 201,
  handle: (verbs, { params }, asking) => verbs.rotations.begin(params.id, callerOf(asking).id),
})

export const list = endpoint({
  summary: 'Rotations of a credential, newest first, with the evidence that the old key is dead.',
  params: byName,
  query: rotationQuery,
  response: z.object({ items: z.array(rotation).readonly() }),
  handle: async (verbs, { params, query }) => ({ items: await verbs.rotations.list(params.id, query.limit) }),
})

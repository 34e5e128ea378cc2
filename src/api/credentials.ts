import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { pageOver } from './paging.ts'
import { addCredential, byName, credential, DONE, done, pageOf, pageQuery, replaceCredential } from './schemas.ts'

export const add = endpoint({
  summary: 'Seals a standing credential in the vault. Over the operator socket only; it never comes out again.',
  body: addCredential,
  response: done,
  status: 201,
  handle: async (verbs, { body }) => {
    await verbs.credentials.add(body.id, body.value)
    return DONE
  },
})

export const replace = endpoint({
  summary: 'A new value under the same name; what was obtained with the old one is dropped.',
  params: byName,
  body: replaceCredential,
  response: done,
  handle: async (verbs, { params, body }) => {
    await verbs.credentials.replace(params.id, body.value)
    return DONE
  },
})

export const list = endpoint({
  summary: 'Names of the credentials in the vault, never a value.',
  query: pageQuery,
  response: pageOf(credential),
  handle: async (verbs, { query }) => pageOver(await verbs.credentials.list(), (one) => one.id, query),
})

export const remove = endpoint({
  summary: 'Destroys a credential in the vault.',
  params: byName,
  response: done,
  handle: async (verbs, { params }) => {
    await verbs.credentials.remove(params.id)
    return DONE
  },
})

export const rotateKey = endpoint({
  summary: 'Seals every credential in the vault under a new key and forgets the old one. Cut off by a crash: send it again.',
  response: z.object({ credentials: z.number().describe('How many there are.') }).meta({ id: 'RotatedKey' }),
  handle: async (verbs) => ({ credentials: await verbs.credentials.rotateKey() }),
})

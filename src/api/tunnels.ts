import { endpoint } from './endpoint.ts'
import { pageOver } from './paging.ts'
import { DONE, done, pageOf, pageQuery, tunnel, tunnelParams } from './schemas.ts'

export const add = endpoint({
  summary: 'Allows a host to be tunnelled to, unread and with nothing injected.',
  body: tunnel,
  response: tunnel,
  status: 201,
  handle: async (verbs, { body }) => {
    await verbs.tunnels.add(body)
    return body
  },
})

export const list = endpoint({
  summary: 'Hosts that may be tunnelled to.',
  query: pageQuery,
  response: pageOf(tunnel),
  handle: async (verbs, { query }) => pageOver(await verbs.tunnels.list(), ({ host, port }) => `${host}:${port}`, query),
})

export const remove = endpoint({
  summary: 'Tunnels to this host are refused from now on.',
  params: tunnelParams,
  response: done,
  handle: async (verbs, { params }) => {
    await verbs.tunnels.remove(params)
    return DONE
  },
})

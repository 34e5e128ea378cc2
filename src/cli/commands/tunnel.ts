import type { Page, Tunnel } from '../../api/verbs.ts'
import { StintError } from '../../errors.ts'
import type { Register } from '../command.ts'
import { addList } from '../list.ts'
import { table } from '../table.ts'

/** `stint tunnel add | list | remove`. */
export const register: Register = (program, context) => {
  const { call, output } = context
  const tunnel = program
    .command('tunnel')
    .description('hosts that may be reached unread: nothing is decided inside, nothing is injected, each use is recorded')
  tunnel
    .command('add <host>')
    .description('allow a host, or *.suffix, with its port (443 if none is given)')
    .action(async (text: string) => {
      const added = await call<Tunnel>('POST', '/v1/tunnels', readTunnel(text))
      output.print(added, ({ host, port }) => `Tunnels to ${host}:${port} are allowed.`)
    })
  const list = tunnel.command('list').description('list the hosts that may be tunnelled to')
  addList<Tunnel>(list, context, { path: '/v1/tunnels', limit: 500, text: listing })
  tunnel
    .command('remove <host>')
    .description('refuse tunnels to this host from now on')
    .action(async (text: string) => {
      const { host, port } = readTunnel(text)
      await call('DELETE', `/v1/tunnels/${encodeURIComponent(host)}/${port}`)
      output.print({ removed: `${host}:${port}` }, ({ removed }) => `Tunnels to ${removed} are refused.`)
    })
}

function listing({ items }: Page<Tunnel>): string {
  const rows = items.map(({ host, port }) => [host, String(port)])
  return table(['HOST', 'PORT'], rows, 'No tunnels. Allow one with `stint tunnel add <host>`.')
}

function readTunnel(text: string): Tunnel {
  const [, host = '', port = '443'] = /^(\*?[a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::([0-9]{1,5}))?$/.exec(text) ?? []
  if (host === '') throw new StintError('invalid_argument', 'write the host as example.com, *.example.com or example.com:8443')
  return { host: host.toLowerCase(), port: Number(port) }
}

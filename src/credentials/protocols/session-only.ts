import { StintError } from '../../errors.ts'
import type { Connector } from '../connector.ts'

/** For a target that is not spoken to over HTTP: every HTTP request to it is unknown. */
export const sessionOnly: Pick<Connector, 'bodyPrefix' | 'describe' | 'defaultHosts' | 'defaultPlacement'> = {
  bodyPrefix: () => 0,
  describe() {
    throw new StintError('unknown_action', 'this target does not speak HTTP')
  },
  defaultHosts: [],
  defaultPlacement: { kind: 'none' },
}

import { StintError } from '../../errors.ts'

/** JSON-RPC 2.0, section 5.1, and MCP 2026-07-28, which reserves -32020 to -32099 for itself. */
export const RPC = {
  notJson: -32700,
  notRequest: -32600,
  noMethod: -32601,
  badParams: -32602,
  headerMismatch: -32020,
  unknownVersion: -32022,
  /** Ours, of those left to implementations: Stint refused it, and the message says why. */
  refused: -32010,
} as const

export type RpcCode = (typeof RPC)[keyof typeof RPC]
export type RpcId = string | number

/** A message that is not taken: what it is as a JSON-RPC error, and whose answer that is where the message said so. */
export class McpFault extends StintError {
  readonly rpcCode: RpcCode
  readonly id: RpcId | null

  constructor(rpcCode: RpcCode, why: string, id: RpcId | null = null) {
    super(rpcCode === RPC.noMethod ? 'unknown_action' : 'malformed_request', `the MCP message is not understood: ${why}`)
    this.rpcCode = rpcCode
    this.id = id
  }
}

import { mcp } from './mcp.ts'
import type { Structure } from './structure.ts'

/** Every structure. */
export const STRUCTURES: readonly Structure[] = [mcp]

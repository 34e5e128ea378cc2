import { kubernetes } from './kubernetes.ts'
import { mcp } from './mcp.ts'
import type { Structure } from './structure.ts'
import { terraform } from './terraform.ts'

/** Every structure. */
export const STRUCTURES: readonly Structure[] = [mcp, kubernetes, terraform]

import { openVault } from '../../src/credentials/vault.ts'
import { openStore } from '../../src/store/store.ts'
import { fileSource } from './sources.ts'

/** Rotates the key of a vault again and again, and says so each time; the test kills it. */
const [database = '', keyFile = ''] = process.argv.slice(2)
const vault = await openVault(await openStore(database), fileSource(keyFile))
for (;;) process.stdout.write(`${await vault.rotateKey()}\n`)

import { openStore } from '../../src/store/store.ts'

/** Writes rows until it is killed; says each number only after the write was acknowledged. */
const [, , path = '', first = '0'] = process.argv
const store = await openStore(path)
for (let number = Number(first); ; number++) {
  await store.write(async (tx, changed) => {
    await tx
      .insertInto('meta')
      .values({ key: `n${number}`, value: String(number) })
      .execute()
    await tx
      .insertInto('tunnels')
      .values({ host: `h${number}.test`, port: 443, at: number })
      .execute()
    changed('tunnel', `h${number}.test`)
  })
  process.stdout.write(`${number}\n`)
}

import { asStintError } from '../../src/errors.ts'
import { openStore } from '../../src/store/store.ts'

/** Writes until it fails; says how many writes were acknowledged, how it failed, and how many it can still read. */
const store = await openStore(process.argv[2] ?? '')
let kept = 0
for (;;) {
  try {
    await store.write((tx) =>
      tx
        .insertInto('meta')
        .values({ key: `fill ${kept}`, value: 'x'.repeat(4000) })
        .execute(),
    )
    kept += 1
  } catch (thrown) {
    const { code, operatorDetail } = asStintError(thrown)
    process.stdout.write(`${kept}\n${code} ${operatorDetail}\n`)
    break
  }
}
const rows = await store.db.selectFrom('meta').select('key').where('key', 'like', 'fill%').execute()
process.stdout.write(`${rows.length}\n`)
await store.close()

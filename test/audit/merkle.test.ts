import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { EMPTY_ROOT, foldHashes, type HashTile, leafHash, openFrontier } from '../../src/audit/merkle.ts'
import { createProver, extendsTree, rootFromInclusion } from '../../src/audit/proofs.ts'
import { type Tile, tilePath } from '../../src/audit/tiles.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')

/** The eight leaves and the roots of their trees that RFC 6962 implementations test against. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(hex)
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
].map(hex)

/** RFC 6962, section 2.1, word for word. */
function mth(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves
  if (only === undefined) return createHash('sha256').digest()
  if (leaves.length === 1) return createHash('sha256').update(Buffer.of(0)).update(only).digest()
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return createHash('sha256')
    .update(Buffer.of(1))
    .update(mth(leaves.slice(0, split)))
    .update(mth(leaves.slice(split)))
    .digest()
}

interface Grown {
  readonly tiles: Map<string, Buffer>
  root(): Buffer
}

function grow(leaves: readonly Buffer[]): Grown {
  const tiles = new Map<string, Buffer>()
  const keep = (tile: HashTile) => tiles.set(tilePath(tile), tile.bytes)
  const frontier = openFrontier(0, () => Buffer.alloc(0), keep)
  for (const one of leaves) frontier.push(leafHash(one))
  frontier.partials().forEach(keep)
  return { tiles, root: () => frontier.root() }
}

function reader({ tiles }: Grown) {
  return async (tile: Tile) => tiles.get(tilePath(tile)) ?? assert.fail(`no tile ${tilePath(tile)}`)
}

const numbered = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => Buffer.from(`leaf ${i}`))

test('the roots are those of the published eight-leaf tree', () => {
  assert.deepEqual(EMPTY_ROOT, ROOTS[0])
  for (let count = 0; count <= 8; count++) assert.deepEqual(grow(LEAVES.slice(0, count)).root(), ROOTS[count], `${count} leaves`)
})

test('inclusion and consistency proofs are those published for the eight-leaf tree', async () => {
  const prover = createProver(8, reader(grow(LEAVES)))
  const proof = [
    '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
    '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
    '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
  ].map(hex)
  assert.deepEqual(await prover.inclusion(0), proof)
  assert.deepEqual(await prover.consistency(1), proof)
  const [root1, root8] = [ROOTS[1] ?? Buffer.alloc(0), ROOTS[8] ?? Buffer.alloc(0)]
  assert.ok(extendsTree(1, root1, 8, root8, proof))
  assert.deepEqual(rootFromInclusion(0, 8, root1, proof), root8)
})

test('a growing tree has the root of the definition at every size', () => {
  const leaves = numbered(1100)
  const frontier = openFrontier(
    0,
    () => Buffer.alloc(0),
    () => undefined,
  )
  for (const [i, one] of leaves.entries()) {
    frontier.push(leafHash(one))
    if (i % 37 === 0 || [255, 256, 511, 512, 767].includes(i))
      assert.deepEqual(frontier.root(), mth(leaves.slice(0, i + 1)), `${i + 1}`)
  }
})

test('a frontier computed again from full tiles goes on as if it had never stopped', () => {
  const leaves = numbered(256 * 3 + 5)
  const whole = grow(leaves)
  const full = (level: number, index: number) =>
    whole.tiles.get(tilePath({ level, index, width: 256 })) ?? assert.fail('not full')
  for (const size of [0, 256, 512, 768]) {
    const frontier = openFrontier(size, full, () => undefined)
    for (const one of leaves.slice(size)) frontier.push(leafHash(one))
    assert.deepEqual(frontier.root(), whole.root(), `from ${size}`)
  }
})

test('three levels of tiles: 70,000 leaves have the tiles the specification counts', () => {
  const { tiles, root } = grow(numbered(70_000))
  const named = [...tiles.keys()]
  assert.equal(named.filter((path) => path.startsWith('tile/0/') && !path.includes('.p/')).length, 273)
  assert.deepEqual(named.filter((path) => path.includes('.p/')).sort(), ['tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1'])
  assert.deepEqual(root(), mth(numbered(70_000)))
})

test('every inclusion and consistency proof leads to the root, and to no other', async () => {
  const trees = new Map<number, Grown>()
  const tree = (size: number): Grown => {
    const known = trees.get(size) ?? grow(numbered(size))
    trees.set(size, known)
    return known
  }
  const sizes = fc.constantFrom(1, 2, 3, 7, 8, 255, 256, 257, 511, 513, 700)
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(), fc.nat(), fc.nat(), async (size, a, b, bit) => {
      const [index, from] = [a % size, 1 + (b % size)]
      const [now, then] = [tree(size), grow(numbered(from))]
      const prover = createProver(size, reader(now))
      const inclusion = await prover.inclusion(index)
      const leaf = leafHash(Buffer.from(`leaf ${index}`))
      assert.deepEqual(rootFromInclusion(index, size, leaf, inclusion), now.root())
      const consistency = await prover.consistency(from)
      assert.ok(extendsTree(from, then.root(), size, now.root(), consistency))
      assert.deepEqual(await prover.rootAt(from), then.root())
      if (inclusion.length > 0) {
        assert.notDeepEqual(rootFromInclusion(index, size, leaf, flip(inclusion, bit)), now.root())
        assert.equal(rootFromInclusion(index, size, leaf, inclusion.slice(1)), undefined)
      }
      if (consistency.length > 0) assert.ok(!extendsTree(from, then.root(), size, now.root(), flip(consistency, bit)))
      assert.ok(!extendsTree(from, then.root(), size, now.root(), [...consistency, Buffer.alloc(32)]))
    }),
    { numRuns: 150 },
  )
})

function flip(proof: readonly Buffer[], bit: number): Buffer[] {
  const at = bit % (proof.length * 256)
  return proof.map((hash, i) => {
    const copy = Buffer.from(hash)
    if (i === at >> 8) copy[(at & 255) >> 3] = (copy[(at & 255) >> 3] ?? 0) ^ (1 << (at & 7))
    return copy
  })
}

test('proofs outside the tree are refused', async () => {
  const prover = createProver(8, reader(grow(LEAVES)))
  await assert.rejects(prover.inclusion(8), RangeError)
  await assert.rejects(prover.inclusion(-1), RangeError)
  await assert.rejects(prover.consistency(9), RangeError)
  await assert.rejects(prover.consistency(0), RangeError)
  assert.equal(rootFromInclusion(8, 8, Buffer.alloc(32), []), undefined)
  assert.equal(extendsTree(0, EMPTY_ROOT, 8, Buffer.alloc(32), []), false)
  assert.equal(extendsTree(9, EMPTY_ROOT, 8, Buffer.alloc(32), []), false)
})

test('an odd number of hashes folds as the definition splits it', () => {
  const leaves = numbered(257)
  for (const count of [1, 2, 3, 5, 6, 7, 100, 255, 256, 257]) {
    const hashes = Buffer.concat(leaves.slice(0, count).map(leafHash))
    assert.deepEqual(foldHashes(hashes, count), mth(leaves.slice(0, count)), `${count}`)
  }
})

/** A pack, its index or a delta is not as git writes them. What stands there is left to git. */
export class PackError extends Error {
  override readonly name = 'PackError'
}

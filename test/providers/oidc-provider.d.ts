/** What the tests use of oidc-provider, which brings no types. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http'

  export interface Token {
    readonly scope?: string
    readonly expiration: number
    save(): Promise<string>
  }
  interface TokenModel {
    new (properties: Readonly<Record<string, unknown>>): Token
    find(value: string): Promise<Token | undefined>
  }
  export interface Context {
    body: unknown
    readonly oidc: { readonly params: Readonly<Record<string, string>>; readonly client: object }
  }
  export class Provider {
    constructor(issuer: string, configuration: object)
    callback(): RequestListener
    registerGrantType(name: string, handler: (context: Context) => Promise<void>, parameters: readonly string[]): void
    on(event: 'grant.success' | 'grant.error', listener: (context: Context) => void): this
    readonly ClientCredentials: TokenModel
    readonly AccessToken: TokenModel
    readonly RefreshToken: TokenModel
    readonly Grant: new (
      properties: Readonly<Record<string, unknown>>,
    ) => Token & {
      addResourceScope(resource: string, scope: string): void
    }
    readonly Client: { find(id: string): Promise<object> }
  }
}

"""People without an AT Protocol account: identity providers, passkeys, access and refresh tokens.

    app ─▶ GET /login/{provider} ─▶ identity provider ─▶ /login/{provider}/callback ─▶ (a name, once) ─▶ app
                                                                                         one-time code │
    app ◀─ access token, refresh token ◀──────────────────────────────────── POST /login/token ◀──────┘

| module | what it promises |
|---|---|
| `keyring` | the keys that sign access tokens; rotated while it runs |
| `tokens` | access tokens: made, checked, `AccessTokens` for the authenticator |
| `refresh` | the form of refresh tokens: authentic or not, without a look anywhere |
| `grants` | begin, refresh, end: a refresh token used twice ends its login |
| `providers` | which identity providers there are, from the settings |
| `oidc` | what is asked of a provider and what of its answers is believed: pure |
| `discovery` | metadata and keys of a provider, cached; the code for tokens |
| `fetch` | HTTP to a provider: bounded in size and time, no redirects |
| `pending` | what waits for its second half, sealed, single use, bound to a browser |
| `flow` | a login from its first click to the code for the app |
| `pages` | the routes, JSON for programs and plain pages for people |
| `web` | what all pages have in common: cookies, forms, headers, style |
| `passkey` | passkeys: register, log in, add, list, rename, revoke |
"""

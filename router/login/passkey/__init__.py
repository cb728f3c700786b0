"""Passkeys: people log in with what unlocks their device, here, in their browser.

| module | what it promises |
|---|---|
| `ceremony` | what is asked of an authenticator, what of its answers is believed: pure |
| `session` | who looks after their passkeys in this browser, for some minutes |
| `flow` | register, log in, add, list, rename, revoke: as steps that any node can take |
| `routes` | paths, JSON calls and forms |
| `pages` | what people see; `assets` are its script and its style |
"""

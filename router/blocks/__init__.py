"""Who blocks whom: the `app.bsky.graph.block` records of accounts, read where each account keeps them.

| module | what it holds |
|---|---|
| `relation` | the decision: three-valued, pure |
| `records` | what a PDS answers, read strictly |
| `hosts` | what one PDS is asked: so much at once, so often, not while it is silent |
| `pds` | an account's PDS, by its DID document; listing its records and reading one |
| `cache` | what is remembered, for how long, and the brakes |
| `service` | `Blocks`: one look at a time for each account, on behalf of whoever asks |
"""

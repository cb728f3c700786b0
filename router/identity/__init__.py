"""Who may speak: DIDs and their documents, service-auth tokens, account keys, the server's own secrets.

| module | what it promises |
|---|---|
| `authenticator`, `principal` | the one door: a header, a method -> a `Principal`, or `AuthError` |
| `service_auth`, `device_auth`, `api_keys` | an account, its device, its simple device speaks |
| `tickets` | how a browser opens a stream |
| `lockout` | who is wrong too often in one name from one place waits |
| `revocations` | who does not count any more, and what is open in its name ends at once |
| `compact`, `jws` | strict reading of a token's text; the signature step, joserfc with low-S algorithms |
| `replay` | a token is used once, in bounded memory |
| `resolver`, `document`, `did` | a DID -> its document -> its key; the syntax of account DIDs |
| `outside`, `did_cache`, `lookup` | accounts that live elsewhere: one look for each DID, kept, braked |
| `plc`, `plc_log`, `web`, `handles` | where to look: did:plc (proven, if wished), did:web; handle -> DID |
| `fetch`, `dialer`, `address_guard` | one small document, from the very address that was judged |
| `strict_json`, `sources` | JSON of one reading; the parts that look outside, from settings |
| `service` | this router's own DID and the documents it serves |
| `accounts`, `keys`, `tokens` | making an account, its key file, its tokens |
| `secrets`, `files` | the server's secret and the purpose keys made from it; files of mode 0600 |
| `errors` | every way to be refused |
"""

"""The client of Rookery that its command line, its demo and its tests share.

    async with open_client(url, key.did, account_token_source(key)) as client:
        device = await Device.register(client, "phone")
        view = await client.chat.create_convo([neighbour(key.did, "bob")])
        group = GroupKey.create(ConversationId(view.id))
        async with open_session(client, device.id) as session:
            msg_id = new_msg_id()
            receipt = await session.send(group.convo, group.seal(msg_id, "alice", "Hello"), msg_id=msg_id)
            print((await receipt.wait()).seq)
            async for event in session:
                ...

Decided without IO, with properties in the tests: `retry` (when to try again), `inbox` (once, in order,
bounded), `outbox` (pipelined, repeated), `sse` (the event-stream grammar). Done with IO: `xrpc` (one call),
`client` (the methods), `wire` and `session` (rookery.v1), `stream` (SSE). Kept: `credentials`, `device`,
`state`, `sealing`. For operators: `directory`. This file imports none of them, since the server reads
`directory` and must not carry a client with it.
"""

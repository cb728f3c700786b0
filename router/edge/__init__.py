"""The edge: sockets, HTTP, WebSocket and SSE in front of the actors. See `README.md` beside this file."""

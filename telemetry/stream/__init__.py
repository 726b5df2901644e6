"""The stream over WebSocket: the server (a watcher of the loop) and the client (a source)."""

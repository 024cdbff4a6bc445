"""The link room: it owns the WebSocket to the service, and nothing else does."""

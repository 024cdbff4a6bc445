"""The local voice service: a realtime voice server that runs on the device itself, in its own process.

It is the built-in endpoint, the answer when the hosted service is out of reach, and the peer for tests and integrators.
"""

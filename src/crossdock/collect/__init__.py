"""The first room: tracking API, pixels, settings and analytics.js for SDKs -> inbox.

Doors: `run.run_collector` serves sockets; `accept.Core` is the whole behaviour without a server.
"""

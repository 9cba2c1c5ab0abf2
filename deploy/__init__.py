"""Wiring: settings, URLs, the ASGI application and the embedded stack."""

"""Serves Keystone on loopback; run by the servers' own Python.

Not by a WSGI server's command, whose arguments Keystone would take for its own.
"""

from __future__ import annotations

import os
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each request."""

    daemon_threads = True
    request_queue_size = 64


class Handler(WSGIRequestHandler):
    """Looks up no names for its log."""

    def address_string(self) -> str:
        """Return the address as it is."""
        return str(self.client_address[0])


def main() -> None:
    """Serve the configuration of the folder given until killed."""
    os.environ["OS_KEYSTONE_CONFIG_DIR"] = sys.argv[1]
    port = int(sys.argv[2])
    sys.argv[1:] = []
    from keystone.server.wsgi import initialize_public_application

    with make_server("127.0.0.1", port, initialize_public_application(), Server, Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()

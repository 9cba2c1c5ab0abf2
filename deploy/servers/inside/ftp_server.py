"""An FTP server of pyftpdlib, run in the servers' own environment: see deploy/servers/ftpd.py."""

from __future__ import annotations

import json
import sys
from typing import Any

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer


class Implicit(TLS_FTPHandler):  # type: ignore[misc]
    """Speaks TLS from the first byte."""

    def handle(self) -> None:
        self.secure_connection(self.get_ssl_context())
        super().handle()


def main() -> None:
    told: dict[str, Any] = json.loads(sys.argv[1])
    authorizer = DummyAuthorizer()
    authorizer.add_user(told["username"], told["password"], told["home"], perm="elradfmwMT")
    kinds = {"none": FTPHandler, "explicit": TLS_FTPHandler, "implicit": Implicit}
    servers = []
    for kind, port in told["ports"].items():
        # Tests are wrong often, and wait for nothing.
        given = {"authorizer": authorizer, "auth_failed_timeout": 0}
        if kind != "none":
            given |= {
                "certfile": told["certificate"],
                "tls_control_required": True,
                "tls_data_required": True,
            }
        handler = type(kind, (kinds[kind],), given)
        servers.append(FTPServer(("127.0.0.1", port), handler))
    # One loop serves all.
    servers[0].serve_forever()


main()

"""The web process: uvicorn on two ports, one for the API and storage, one for the synchronous API."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket

import uvicorn

from .asgi import Application
from .connections import Connection

log = logging.getLogger(__name__)

STOP_SECONDS = 10
"""How long requests may go on after the order to stop."""
RELEASE_SECONDS = 8.0
"""When those that still wait for a job by then are sent away with a 503."""
BACKLOG = 2048


class Server(uvicorn.Server):
    """Tells the application in time that it stops."""

    def __init__(self, application: Application, *, access_log: bool = False) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                loop="uvloop",
                http=Connection,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=access_log,
                server_header=False,
                proxy_headers=True,
                forwarded_allow_ips="127.0.0.1,::1",
                backlog=BACKLOG,
                # Longer than the minute for which proxies keep theirs.
                timeout_keep_alive=65,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self._application = application

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let requests end, then stop."""
        asyncio.get_running_loop().call_later(RELEASE_SECONDS, self._application.release)
        await super().shutdown(sockets)


def serve(host: str, *, port: int, sync_port: int | None, access_log: bool = False) -> None:
    """Serve until SIGTERM or SIGINT."""
    _raise_file_limit()
    sockets = [listen(host, each) for each in (port, sync_port) if each is not None]
    # uvicorn raises the signal again at its end, to end the process by it; we end well.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    log.info("Listening on %s", ", ".join("{}:{}".format(*each.getsockname()) for each in sockets))
    application = Application(sync_ports=[] if sync_port is None else [sync_port])
    Server(application, access_log=access_log).run(sockets)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens already, so that nobody is refused while the rest starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

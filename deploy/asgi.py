"""The ASGI application: storage paths and waiting are async code of ours, the rest is Django."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection

from django.core.wsgi import get_wsgi_application
from starlette.types import Receive, Scope, Send

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy.settings")
django = get_wsgi_application()

from api import wsgi  # noqa: E402 - Django must be set up first
from api.bytes import application as storage  # noqa: E402
from api.bytes import spool  # noqa: E402
from api.waiting import Waiting  # noqa: E402


class Application:
    """Sends each request to the part that answers it."""

    def __init__(self, application: wsgi.Application = django, *, sync_ports: Collection[int] = ()) -> None:
        """Compose the parts; ``sync_ports`` are listened on for the synchronous API alone."""
        self._waiting = Waiting(application, sync_ports=sync_ports)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or start and stop with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif storage.takes(scope):
            await storage.application(scope, receive, send)
        else:
            await self._waiting(scope, receive, send)

    def release(self) -> None:
        """Send away who waits, for the server is about to stop."""
        self._waiting.endings.release()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._waiting.endings.start()
        sweeping = asyncio.create_task(spool.keep_swept())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        sweeping.cancel()
        await self._waiting.endings.stop()
        await send({"type": "lifespan.shutdown.complete"})


application = Application()

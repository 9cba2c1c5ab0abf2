"""The warm child of the chrome engine: starts the browser once, then prints and photographs pages."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from engines._support.cdp import ANSWERS, COMMANDS, Browser, Gone, Params, program
from engines._support.child import Refused, serve
from engines._support.chrome_bridge import HOST, Bridge
from engines._support.chrome_page import Visit

FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # An image below the fold belongs to the page, whether or not somebody scrolls there.
    "--blink-settings=lazyLoadEnabled=false",
)


def way_out(port: int) -> list[str]:
    """Return the flags that leave the browser one way to the network: a proxy that knows hosts by name."""
    return [
        f"--proxy-server=socks5://{HOST}:{port}",
        # Without, what it takes for this machine would go past the proxy.
        "--proxy-bypass-list=<-loopback>",
        f"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE {HOST}",
        "--dns-prefetch-disable",
        # Its name in this version, and in others.
        "--webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    ]


def is_text(path: Path) -> bool:
    """Tell whether a file can be HTML: the browser would print any bytes as text."""
    with path.open("rb") as file:
        start = file.read(4096)
    return start.startswith((b"\xff\xfe", b"\xfe\xff")) or (
        b"\0" not in start and not start.startswith(b"%PDF-")
    )


class Desk:
    """Answers requests, each with a page that was made ready before."""

    def __init__(self, browser: Browser, bridge: Bridge) -> None:
        self._browser = browser
        self._bridge = bridge
        self._visit = Visit(browser, bridge)

    def handle(self, request: Params, tell: Callable[[float], None]) -> Params:
        """Make the file asked for.

        :raises SystemExit: when the browser has ended, which tells the worker of the crash.
        """
        try:
            # Whatever happened since the last request is heard before the answer to this.
            self._browser.call("Browser.getVersion")
            if self._visit.crashed:
                self.rest()
            return self._take(request, tell)
        except Gone:
            raise SystemExit("The browser ended.") from None

    def rest(self) -> None:
        """Close the page and make another ready."""
        self._visit.close()
        self._visit = Visit(self._browser, self._bridge)

    def _take(self, request: Params, tell: Callable[[float], None]) -> Params:
        into = Path(request["output"])
        if request["folder"] and not is_text(Path(unquote(urlsplit(request["url"]).path))):
            raise Refused("OpenFailed")
        self._visit.open(request)
        tell(50)
        if "print" in request:
            self._visit.print(into)
            return {"files": [into.name]}
        part = self._visit.photograph(into)
        message = f"The page was cut to {part.image[0]} x {part.image[1]} pixels." if part.cut else None
        return {"files": [into.name], "message": message}


def main() -> None:
    """Start the browser in the slot, then serve."""
    # The browser will read and write on these two descriptors, so the bridge must not get them.
    for _ in (COMMANDS, ANSWERS):
        os.open(os.devnull, os.O_RDWR)
    bridge = Bridge(Path(os.environ["ATHANOR_EGRESS"]))
    flags = [*FLAGS, *way_out(bridge.start()), f"--user-data-dir={Path.cwd() / 'profile'}"]
    browser = Browser([program(), *flags])
    # A child without its browser is of no use, and says so by ending, even while nobody asks it.
    threading.Thread(target=lambda: os._exit(browser.process.wait() or 1), daemon=True).start()
    browser.call("Fetch.enable", patterns=[{"urlPattern": "*"}], handleAuthRequests=True)
    browser.call("Target.setDiscoverTargets", discover=True)
    desk = Desk(browser, bridge)
    serve(desk.handle, desk.rest)


if __name__ == "__main__":
    main()

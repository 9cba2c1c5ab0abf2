"""One page in the browser: what it may load, when it is ready, and its picture."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from engines._support.cdp import Browser, Failed, Late, Params
from engines._support.child import Refused
from engines._support.chrome_bridge import Bridge
from engines._support.chrome_refusals import unopened, unprinted, unsuitable
from engines._support.frame import Frame, frame

LOOK_SECONDS = 0.05
"""How often a page is searched for the element waited for."""
LIFECYCLE = {
    "load": "load",
    "domcontentloaded": "DOMContentLoaded",
    "networkidle0": "networkIdle",
    "networkidle2": "networkAlmostIdle",
}


def may_load(url: str, folder: str | None) -> bool:
    """Tell whether a page may load this address; everything a page loads is asked for here.

    :param folder: where the files of a converted page lie; None for a page of the web, which reads no files.
    """
    try:
        address = urlsplit(url)
        path = Path(os.path.realpath(unquote(address.path)))
    except ValueError:
        return False
    if address.scheme in {"http", "https", "data", "blob", "about"}:
        return True
    if address.scheme != "file" or folder is None or address.netloc not in {"", "localhost"}:
        return False
    return path.is_file() and path.is_relative_to(os.path.realpath(folder))


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of an address, however a customer or the browser spells it."""
    try:
        address = urlsplit(url)
        host = (address.hostname or "").encode("idna").decode()
        port = address.port or {"http": 80, "https": 443}.get(address.scheme)
    except ValueError:
        return url, "", None
    return address.scheme, host, port


class Visit:
    """One page in a browser context of its own, made ready before anybody asks for it."""

    def __init__(self, browser: Browser, bridge: Bridge) -> None:
        self._browser = browser
        self._bridge = bridge
        self._request: Params = {}
        self.crashed = False
        self._context = browser.call("Target.createBrowserContext", disposeOnDetach=True)["browserContextId"]
        self._targets: list[str] = []
        self._loader = ""
        self._reached: set[tuple[str, str]] = set()
        self._shown: Params = {}
        self._still = False
        browser.on_event = self._handle
        browser.call("Browser.setDownloadBehavior", behavior="deny", browserContextId=self._context)
        self._session = self._page()
        self._call("Page.enable")
        self._call("Page.setLifecycleEventsEnabled", enabled=True)

    def close(self) -> None:
        """Close the page with everything it kept."""
        self._browser.on_event = lambda _method, _params: None
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)

    def open(self, request: Params) -> None:
        """Open the page asked for and wait for what the options say.

        :raises Refused: when there is no page, or the element waited for does not appear.
        """
        self._request = request
        self._bridge.problem = None
        self._call("Emulation.setEmulatedMedia", media=request.get("media", ""))
        if not request["javascript"]:
            self._call("Emulation.setScriptExecutionDisabled", value=True)
        if image := request.get("image"):
            self._screen(self._session, image["screen_width"], image["screen_height"], image["factor"])
        try:
            answer = self._call("Page.navigate", seconds=request["patience"], url=request["url"])
        except Late:
            raise unopened("net::ERR_TIMED_OUT", request["url"]) from None
        if problem := answer.get("errorText"):
            # Of a connection that its proxy did not make the browser knows nothing but that.
            known = self._bridge.problem if "SOCKS" in problem else None
            raise unopened(known or problem, request["url"])
        self._loader = answer["loaderId"]
        wanted = LIFECYCLE[request["wait_until"]]
        # A page that never comes to rest is taken as it is.
        self._browser.wait(lambda: (self._loader, wanted) in self._reached, request["patience"])
        self._wait_for_element(request["wait_for_element"])
        if request["wait_time"]:
            self._browser.wait(lambda: False, request["wait_time"] / 1000)
        if problem := unsuitable(self._shown):
            raise problem
        self._still = True

    def print(self, into: Path) -> None:
        """Write the page as a PDF, piece by piece."""
        stream = self._printed()
        with into.open("wb") as file:
            done = False
            while not done:
                piece = self._call("IO.read", handle=stream["stream"], size=256 * 1024)
                file.write(base64.b64decode(piece["data"]))
                done = piece["eof"]

    def _printed(self, tries: int = 5) -> Params:
        while True:
            try:
                return self._call("Page.printToPDF", transferMode="ReturnAsStream", **self._request["print"])
            except Failed as error:
                tries -= 1
                refusal = unprinted(f"{error}")
                if refusal.message or not tries:
                    raise refusal from error
                # It was just going on to another page, of which there will be no more.
                self._browser.wait(lambda: False, 0.2)

    def photograph(self, into: Path) -> Frame:
        """Write the page as an image and return what was taken of it."""
        image = self._request["image"]
        if image["transparent"]:
            self._call("Emulation.setDefaultBackgroundColorOverride", color={"r": 0, "g": 0, "b": 0, "a": 0})
        part = frame(
            self._size(image),
            factor=image["factor"],
            width=image["width"],
            height=image["height"],
            fit=image["fit"],
            drawn=image["drawn"],
        )
        stretch = part.taken != part.image
        clip = {"x": part.left, "y": 0, "width": part.width, "height": part.height, "scale": part.scale}
        how = {"format": "png"} if stretch else image["format"]
        data = self._call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip, **how)["data"]
        if stretch:
            data = self._stretched(data, part.image)
        into.write_bytes(base64.b64decode(data))
        return part

    def _size(self, image: Params) -> tuple[float, float]:
        if image["drawn"]:
            root = self._call("DOM.getDocument", depth=0)["root"]["nodeId"]
            drawing = self._call("DOM.querySelector", nodeId=root, selector=":root")["nodeId"]
            box = self._call("DOM.getBoxModel", nodeId=drawing)["model"]
            return max(1, box["width"]), max(1, box["height"])
        page = self._call("Page.getLayoutMetrics")["cssContentSize"]
        return image["screen_width"], image["page_height"] or page["height"]

    def _stretched(self, data: str, size: tuple[int, int]) -> str:
        # The browser draws nothing wider than high, so the picture becomes a page.
        session = self._page()
        self._screen(session, *size, 1)
        call = self._browser.call
        call("Emulation.setDefaultBackgroundColorOverride", session, color={"r": 0, "g": 0, "b": 0, "a": 0})
        tree = call("Page.getFrameTree", session)
        style = f"position:fixed;inset:0;width:{size[0]}px;height:{size[1]}px"
        html = f'<!doctype html><img style="{style}" src="data:image/png;base64,{data}">'
        call("Page.setDocumentContent", session, frameId=tree["frameTree"]["frame"]["id"], html=html)
        decoded = "document.images[0].decode()"
        call("Runtime.evaluate", session, expression=decoded, awaitPromise=True)
        shot = call("Page.captureScreenshot", session, **self._request["image"]["format"])
        return f"{shot['data']}"

    def _page(self) -> str:
        call = self._browser.call
        target = call("Target.createTarget", url="about:blank", browserContextId=self._context)["targetId"]
        self._targets.append(target)
        return f"{call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']}"

    def _screen(self, session: str, width: int, height: int, factor: float) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": factor, "mobile": False}
        self._browser.call("Emulation.setDeviceMetricsOverride", session, **metrics)

    def _wait_for_element(self, selector: str | None) -> None:
        if not selector:
            return
        end = time.monotonic() + self._request["patience"]
        while not self._has(selector):
            if time.monotonic() >= end:
                raise Refused(
                    "ConversionFailed", "No element of the page matched wait_for_element in the time we wait."
                )
            self._browser.wait(lambda: False, LOOK_SECONDS)

    def _has(self, selector: str) -> bool:
        # Not by a script of ours: the page may forbid scripts, or change what they find.
        try:
            root = self._call("DOM.getDocument", depth=0)["root"]["nodeId"]
            return bool(self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"])
        except Failed as error:
            if "querying" not in f"{error}":
                # The page has just gone on to another document.
                return False
            raise Refused("ConversionFailed", "The wait_for_element is not a valid CSS selector.") from error

    def _call(self, method: str, *, seconds: float | None = None, **params: Any) -> Params:
        return self._browser.call(method, self._session, seconds=seconds, **params)

    def _handle(self, method: str, params: Params) -> None:
        answer = self._ANSWERS.get(method)
        if answer:
            answer(self, params)

    def _on_request(self, params: Params) -> None:
        asked, number = params["request"], params["requestId"]
        if self._still and params["resourceType"] == "Document" and params["frameId"] == self._targets[0]:
            # A page that goes on and on must hold still for its picture.
            self._browser.send("Fetch.failRequest", requestId=number, errorReason="Aborted")
        elif not self._request or not may_load(asked["url"], self._request["folder"]):
            self._browser.send("Fetch.failRequest", requestId=number, errorReason="BlockedByClient")
        elif self._request["headers"] and self._is_ours(asked["url"]):
            ours = self._request["headers"]
            replaced = {name.lower() for name in ours}
            kept = {name: value for name, value in asked["headers"].items() if name.lower() not in replaced}
            headers = [{"name": name, "value": value} for name, value in {**kept, **ours}.items()]
            self._browser.send("Fetch.continueRequest", requestId=number, headers=headers)
        else:
            self._browser.send("Fetch.continueRequest", requestId=number)

    def _is_ours(self, url: str) -> bool:
        # The customer's headers may hold a password: they go to the site it is for, not to those it embeds.
        here = self._request["url"]
        return here.startswith("file:") or origin(here) == origin(url)

    def _on_login(self, params: Params) -> None:
        # The page that says so is shown instead; a customer who may log in has set a header.
        answer = {"response": "CancelAuth"}
        self._browser.send(
            "Fetch.continueWithAuth", requestId=params["requestId"], authChallengeResponse=answer
        )

    def _on_navigated(self, params: Params) -> None:
        if params["frame"]["id"] == self._targets[0]:
            self._shown = params["frame"]

    def _on_lifecycle(self, params: Params) -> None:
        if params["frameId"] != self._targets[0]:
            return
        if params["name"] == "init":
            self._loader = params["loaderId"]
        self._reached.add((params["loaderId"], params["name"]))

    def _on_dialog(self, _params: Params) -> None:
        self._browser.send("Page.handleJavaScriptDialog", self._session, accept=False)

    def _on_target(self, params: Params) -> None:
        info = params["targetInfo"]
        if info["type"] == "page" and info.get("openerId") in self._targets:
            self._browser.send("Target.closeTarget", targetId=info["targetId"])

    def _on_crash(self, _params: Params) -> None:
        self.crashed = True
        if self._request:
            raise Refused("EngineCrashed")

    _ANSWERS: dict[str, Callable[[Visit, Params], None]] = {  # noqa: RUF012 - never changed
        "Fetch.requestPaused": _on_request,
        "Fetch.authRequired": _on_login,
        "Page.frameNavigated": _on_navigated,
        "Page.lifecycleEvent": _on_lifecycle,
        "Page.javascriptDialogOpening": _on_dialog,
        "Target.targetCreated": _on_target,
        "Inspector.targetCrashed": _on_crash,
    }

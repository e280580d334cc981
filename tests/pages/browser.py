"""Drive a headless Chromium over its DevTools protocol, through the two pipes that it offers.

https://chromedevtools.github.io/devtools-protocol: JSON messages, each ended by a zero byte; the browser
reads them from file descriptor 3 and writes to 4.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe")
PATIENCE_SECONDS = 120.0  # for one answer: a busy machine starts a browser slowly
SIZE = (1200, 900)


class Page:
    """One tab.

    Attributes:
        seen: events of the browser, as (method, parameters).
    """

    def __init__(self, to_browser: int, from_browser: int):
        self._to, self._from, self._read = to_browser, from_browser, b""
        self._number, self._session = 0, {}
        self.seen: list[tuple[str, dict]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}
        for domain in ("Page", "Runtime"):
            self.call(f"{domain}.enable")
        self.resize(*SIZE)

    def call(self, method: str, **parameters: Any) -> dict:
        """Send a command and wait for its result."""
        number = self._send(method, parameters)
        while (answer := self._next()).get("id") != number:
            self._note(answer)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def wait_for(self, method: str) -> dict:
        """The parameters of the next event of a name, or of one that was seen already."""
        while not (found := [one for one in self.seen if one[0] == method]):
            self._note(self._next())
        self.seen.remove(found[0])
        return found[0][1]

    def open(self, path: Path) -> "Page":
        """Load a file, to the end."""
        self.seen.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait_for("Page.loadEventFired")
        return self

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise."""
        how = {"returnByValue": True, "awaitPromise": True, "userGesture": True}
        result = self.call("Runtime.evaluate", expression=script, **how)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def until(self, script: str) -> None:
        """Wait for an expression to become true."""
        ended = time.monotonic() + PATIENCE_SECONDS
        while not self.run(script):
            assert time.monotonic() < ended, script
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """Press a key where the focus is."""
        text = {"text": key} if len(key) == 1 else {}
        if key == "Enter":
            text = {"text": "\r", "windowsVirtualKeyCode": 13}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def mouse(self, what: str, x: float, y: float) -> None:
        """Move the mouse ("mouseMoved"), press or release its left button ("mousePressed", …)."""
        button = {} if what == "mouseMoved" else {"button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type=what, x=x, y=y, **button)

    def click(self, x: float, y: float) -> None:
        """Click at pixels of the window."""
        for what in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.mouse(what, x, y)

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        """Make the window so large, in CSS pixels; `scale` device pixels each."""
        self._width = width
        size = {"width": width, "height": height, "deviceScaleFactor": scale}
        self.call("Emulation.setDeviceMetricsOverride", mobile=False, **size)

    def media(self, kind: str = "", scheme: str = "light") -> None:
        """Show as on a screen or in print ("print"), in "light" or "dark"."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=kind, features=features)

    def screenshot(self, path: Path, height: int | None = None) -> None:
        """Write what the window shows as a PNG, or the page down to `height` pixels."""
        clip = {"x": 0, "y": 0, "width": self._width, "height": height, "scale": 1}
        beyond = {} if height is None else {"captureBeyondViewport": True, "clip": clip}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **beyond)["data"]))

    def _send(self, method: str, parameters: dict) -> int:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters, **self._session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        return self._number

    def _note(self, event: dict) -> None:
        """Keep an event; a question of the page is answered with yes."""
        self.seen.append((event.get("method", ""), event.get("params", {})))
        if event.get("method") == "Page.javascriptDialogOpening":
            self._send("Page.handleJavaScriptDialog", {"accept": True})

    def _next(self) -> dict:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._from], [], [], PATIENCE_SECONDS)
            assert ready, "the browser is silent"
            self._read += (more := os.read(self._from, 1 << 20))
            assert more, "the browser has ended"
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A headless Chromium with one tab; `profile` is an empty folder of its own."""
    assert CHROMIUM, "there is no Chromium"
    (theirs_in, ours_out), (ours_in, theirs_out) = _pipe(), _pipe()
    words = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}"]
    shell = ["bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", *words]
    with open(os.devnull, "r+b") as nothing:
        process = subprocess.Popen(
            shell, stdin=nothing, stdout=nothing, stderr=nothing, pass_fds=(theirs_in, theirs_out)
        )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Page(ours_out, ours_in)
    finally:
        os.close(ours_out)  # the browser ends when its pipe does
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(ours_in)


def _pipe() -> tuple[int, int]:
    """A pipe whose ends have numbers from 10, clear of those that the browser expects."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]

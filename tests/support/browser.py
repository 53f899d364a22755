"""A headless Chromium without a network, told what to do through its debugging pipe; nothing needs to be installed."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any, BinaryIO

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",  # of no use against this project's own page, and not to be had as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # no name leads anywhere
    "--remote-debugging-pipe",
)

# Chromium takes commands from descriptor 3 and answers on 4.
PIPED = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


def executable() -> str | None:
    """Return the browser of this machine, if it has one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """A tab of the browser: opens pages, evaluates JavaScript, keeps what was said and what was asked for."""

    def __init__(self, commands: BinaryIO, answers: BinaryIO) -> None:
        """Open a tab and listen to it; the browser reads commands and writes answers, each ended by a zero byte."""
        self._commands, self._answers, self._session, self._sent = commands, answers, "", 0
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)

    def send(self, method: str, **params: object) -> dict[str, Any]:
        """Send a command and return its result, keeping the events that come before it."""
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        self._commands.write(json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._sent:
            self.events.append(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, page: Path, *, width: int, dark: bool = False) -> None:
        """Show a page at a width in pixels and wait until it says that it is drawn."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Page.navigate", url=page.as_uri())
        self.wait("document.readyState == 'complete' && document.body.dataset.drawn !== undefined")

    def wait(self, condition: str) -> None:
        """Wait up to twenty seconds until a JavaScript condition holds."""
        waiting = f"new Promise((good, bad) => {{ let left = 200; const look = () => ({condition}) ? good(true) :"
        waiting += " left-- ? setTimeout(look, 100) : bad('not drawn in time'); look() })"
        found = self.send("Runtime.evaluate", expression=waiting, awaitPromise=True)
        assert "exceptionDetails" not in found, (found, self.complaints())

    def ask(self, expression: str) -> Any:  # noqa: ANN401 (whatever JavaScript returns)
        """Return the value of a JavaScript expression."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def complaints(self) -> list[str]:
        """Return every error and warning that the page printed, threw or caused."""
        said = []
        for event in self.events:
            method, params = event["method"], event.get("params", {})
            if method == "Runtime.exceptionThrown" or (
                method == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning", "assert"}
            ):
                said.append(json.dumps(params))
            elif method == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
                said.append(json.dumps(params["entry"]))
        return said

    def requests(self) -> list[str]:
        """Return every address that was asked for, other than data in the page itself."""
        asked = [
            event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in asked if not url.startswith("data:")]

    def screenshot(self, path: Path) -> None:
        """Save a picture of the whole page."""
        found = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def _receive(self) -> dict[str, Any]:
        received = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser ended"
            received += byte
        message: dict[str, Any] = json.loads(received)
        return message


@contextmanager
def tab(profile: Path) -> Iterator[Tab]:
    """Start the browser with a fresh profile and end it again."""
    browser = executable()
    assert browser
    reads, commands = os.pipe()
    answers, writes = os.pipe()
    command = [browser, *FLAGS, f"--user-data-dir={profile}"]
    started = [sys.executable, "-c", PIPED, str(reads), str(writes), *command]
    process = subprocess.Popen(started, pass_fds=(reads, writes), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watch = Timer(300, process.kill)  # a browser that hangs ends, and the test with it
    watch.start()
    os.close(reads)
    os.close(writes)
    with os.fdopen(commands, "wb", buffering=0) as to_browser, os.fdopen(answers, "rb") as from_browser:
        try:
            yield Tab(to_browser, from_browser)
        finally:
            watch.cancel()
            process.terminate()
            process.wait(timeout=20)

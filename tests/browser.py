"""A headless Chromium without network, to look at pages as a reader does."""

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: chromium)")

FLAGS = (
    "--headless", "--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--proxy-server=127.0.0.1:9", "--remote-debugging-port=0",
)  # fmt: skip
"""Software rendering, and a proxy that is not there."""


@dataclass
class Visit:
    """What came of a visit: console errors, addresses asked for, values of the scripts, a PNG."""

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    picture: bytes = b""


def visit(path: Path, *scripts: str, width: int = 1200, dark: bool = False) -> Visit:
    """Open a file `width` pixels wide, evaluate scripts in it one after another, take a picture."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        process = subprocess.Popen(
            [str(CHROMIUM), *FLAGS, f"--user-data-dir={home}", "about:blank"], stderr=subprocess.DEVNULL
        )
        try:
            return asyncio.run(_visit(_address(Path(home)), path, scripts, (width, dark)))
        finally:
            process.kill()
            process.wait()


def _address(home: Path, patience: float = 60) -> str:
    """The websocket of the first tab, as soon as the browser is there."""
    port, deadline = home / "DevToolsActivePort", time.monotonic() + patience
    while not (port.exists() and port.read_text()):
        assert time.monotonic() < deadline, "Chromium does not start"
        time.sleep(0.1)
    with urlopen(f"http://127.0.0.1:{port.read_text().splitlines()[0]}/json") as answer:
        tabs = json.load(answer)
    return next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")


async def _visit(address: str, path: Path, scripts: tuple[str, ...], look: tuple[int, bool]) -> Visit:
    from tornado.websocket import websocket_connect

    found, numbers = Visit(), count(1)
    socket = await websocket_connect(address, max_message_size=2**28)

    async def hear(until: Any) -> dict[str, Any]:
        """Note what the browser tells until a message fits."""
        while True:
            message = json.loads(await asyncio.wait_for(socket.read_message(), 60))
            _note(found, message)
            if until(message):
                return message.get("result", {})

    async def ask(method: str, **params: Any) -> dict[str, Any]:
        number = next(numbers)
        await socket.write_message(json.dumps({"id": number, "method": method, "params": params}))
        return await hear(lambda message: message.get("id") == number)

    for domain in ("Runtime", "Network", "Page", "Log"):
        await ask(f"{domain}.enable")
    scheme = {"name": "prefers-color-scheme", "value": "dark" if look[1] else "light"}
    await ask("Emulation.setEmulatedMedia", features=[scheme])
    await ask(
        "Emulation.setDeviceMetricsOverride", width=look[0], height=900, deviceScaleFactor=1, mobile=False
    )
    await ask("Page.navigate", url=path.resolve().as_uri())
    await hear(lambda message: message.get("method") == "Page.loadEventFired")
    for script in scripts:
        answer = await ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        found.values.append(answer["result"].get("value"))
    shot = await ask("Page.captureScreenshot", captureBeyondViewport=True)
    found.picture = base64.b64decode(shot["data"])
    socket.close()
    while await socket.read_message() is not None:
        pass  # until the browser has closed its end too
    return found


def _note(found: Visit, message: dict[str, Any]) -> None:
    params = message.get("params", {})
    match message.get("method"):
        case "Runtime.exceptionThrown":
            found.errors.append(params["exceptionDetails"]["text"])
        case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
            found.errors.append(params["entry"]["text"])
        case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
            found.errors.append(str(params["args"]))
        case "Network.requestWillBeSent" if not params["request"]["url"].startswith("data:"):
            found.requests.append(params["request"]["url"])

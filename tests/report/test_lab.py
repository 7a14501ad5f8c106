"""The lab's page: one file, small, that runs without a network and lets nothing out."""

import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from swissroll.report.lab import assemble, is_lab, lab_page, write_lab
from swissroll.report.modules import link, read_modules

LAB = files("swissroll") / "web" / "lab"
MAX_PAGE_BYTES = 250_000

HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<link rel="stylesheet" href="lab.css">
</head>
<body>
<p id="worker"></p><p id="connection"></p><p id="markup"></p><p id="given"></p>
<script type="module" src="main.js"></script>
</body>
</html>
"""
MAIN = """import { givenStart, kernelBytes, startWorker } from "./parts.js";

const say = (name, text) => {
  document.getElementById(name).textContent = text;
};
givenStart().then((given) => say("given", JSON.stringify(given)));
document.addEventListener("securitypolicyviolation", (event) => console.log(event.effectiveDirective));
const worker = startWorker();
worker.onmessage = (message) => say("worker", message.data);
kernelBytes().then((bytes) => worker.postMessage(bytes));
fetch("https://example.org/").then(() => say("connection", "reached"), () => say("connection", "refused"));
try {
  document.getElementById("markup").innerHTML = "<b>markup</b>";
} catch {
  say("markup", "refused");
}
"""
WORKER = """onmessage = async (message) => {
  await WebAssembly.instantiate(message.data, {});
  fetch("https://example.org/").then(() => postMessage("reached"), () => postMessage("refused"));
};
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small page's sources, with the product's own loader."""
    (tmp_path / "lab.html").write_text(HTML)
    (tmp_path / "lab.css").write_text("/* x */\nbody { color: red; }\n")
    (tmp_path / "main.js").write_text(MAIN)
    (tmp_path / "worker.js").write_text(WORKER)
    for name in ("parts.js", "loader.js", "table.js"):
        (tmp_path / name).write_text((LAB / name).read_text())
    (tmp_path / "kernel.wasm").write_bytes(b"\0asm\1\0\0\0")
    return tmp_path


@pytest.mark.parametrize("is_framed", [False, True], ids=["file", "sandboxed frame"])
def test_page_runs_its_worker_and_reaches_nobody(
    folder: Path, tmp_path: Path, browser: Browser, *, is_framed: bool
) -> None:
    given = {"settings": {"note": "</script><b>"}}
    page_text = assemble(folder, given)
    if is_framed:
        quoted = page_text.replace("&", "&amp;").replace('"', "&quot;")
        page_text = f'<!doctype html><iframe sandbox="allow-scripts" srcdoc="{quoted}"></iframe>'
    file = tmp_path / "page.html"
    file.write_text(page_text)

    context = browser.new_context()
    # A network that answers everything: what is refused is refused by the page itself.
    context.route("https://**", lambda route: route.fulfill(body="", headers={"Access-Control-Allow-Origin": "*"}))
    page = context.new_page()
    page.goto(file.as_uri())
    shown = page.frames[-1]
    shown.wait_for_function("() => document.getElementById('worker').textContent")
    found = {name: shown.inner_text(f"#{name}") for name in ("worker", "connection", "markup", "given")}
    context.close()

    assert found == {
        "worker": "refused",
        "connection": "refused",
        "markup": "refused",
        "given": '{"settings":{"note":"</script><b>"}}',
    }


def test_a_page_without_a_run_is_small() -> None:
    assert len(lab_page().encode()) <= MAX_PAGE_BYTES


def test_the_packages_own_page_is_put_together_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"settings": {"beta": 0.5}}
    expected = [assemble(LAB), assemble(LAB, given)]
    assert [lab_page(), lab_page(given)] == expected

    def put_together_again(*_: object, **__: object) -> str:
        raise AssertionError

    monkeypatch.setattr("swissroll.report.lab.link", put_together_again)
    assert [lab_page(), lab_page(given)] == expected


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node: apt-get install nodejs")
def test_the_pages_script_is_whole(tmp_path: Path) -> None:
    script = tmp_path / "script.cjs"
    script.write_text(link(read_modules(LAB), "main.js", "worker.js"))
    done = subprocess.run(["node", "--check", str(script)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_page_that_lacks_a_line_is_refused(folder: Path) -> None:
    (folder / "lab.html").write_text(HTML.replace('"lab.css"', '"other"'))
    with pytest.raises(ValueError, match="must hold <link rel="):
        assemble(folder)


def test_another_file_is_never_replaced(tmp_path: Path) -> None:
    page = lab_page()
    path = tmp_path / "new" / "lab.html"
    write_lab(path, page)
    write_lab(path, page)
    assert is_lab(path)
    assert [file.name for file in path.parent.iterdir()] == ["lab.html"]

    path.write_text("mine")
    with pytest.raises(ValueError, match="is there already, and is not a lab page"):
        write_lab(path, page)
    assert path.read_text() == "mine"

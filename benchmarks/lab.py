"""The lab's engine in Node and in browsers: steps per second, and whether a run has the same bits everywhere.

    python -m benchmarks.lab speed      widths 32 to 256, in Node and Chromium, beside the notebook's loop
    python -m benchmarks.lab hashes     a dozen settings after 1,000 steps, in Node and Chromium
    python -m benchmarks.lab page FILE  the page that does so for the dozen, to be opened in another browser
    python -m benchmarks.lab pictures   the page itself, in Chromium: frames, hovering, the truth, the first picture

The engine runs in a worker of a page that is opened from a file, as in the lab itself. Debian's Firefox was driven over
WebDriver BiDi by npm's puppeteer-core, which is no part of this package: ``puppeteer.launch({browser: "firefox",
executablePath: "/usr/bin/firefox-esr"})``, then ``page.goto("file:///...")`` of that page.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from benchmarks.lab_pictures import print_pictures
from benchmarks.network import PlainVAE, train_plain
from swissroll.report.modules import link, read_modules

CHROMIUM = "/usr/bin/chromium"
HERE = Path(__file__).resolve().parent
LAB = files("swissroll") / "web" / "lab"
WIDTHS = {32: 4000, 64: 2000, 128: 600, 256: 200}
"""Steps that are timed at each width."""
WARM_UP = 100
PAGE = """<!doctype html>
<meta charset="utf-8">
<title>The lab's engine</title>
<pre id="result"></pre>
<script type="application/json" id="jobs">{jobs}</script>
<script type="text/plain" id="part-kernel">{kernel}</script>
<script id="lab-script">{script}</script>
"""
NODE = """
import { readFileSync } from "node:fs";
const { lab, job: text, jobs } = JSON.parse(readFileSync(0, "utf-8"));
const { loadKernel } = await import(`file://${lab}/kernel.js`);
const { Training } = await import(`file://${lab}/training.js`);
const { runJob } = await import(`data:text/javascript,${encodeURIComponent(text)}`);
const kernel = await loadKernel(readFileSync(`${lab}/kernel.wasm`));
process.stdout.write(JSON.stringify(jobs.map((job) => runJob(Training, kernel, job))));
"""

Jobs = Sequence[Mapping[str, Any]]
"""What to run: ``settings`` of each run and its ``steps``."""

SMALL = {"hidden_dim": 16, "batch_size": 64, "steps": 1000}
DOZEN: tuple[dict[str, Any], ...] = (
    {"hidden_dim": 64},
    {"hidden_dim": 256, "batch_size": 16},
    SMALL | {"activation": "leaky_relu", "dataset": "moons"},
    SMALL | {"activation": "elu", "dataset": "circles", "noise": 0.05},
    SMALL | {"activation": "silu", "dataset": "spirals", "initialization": "he"},
    SMALL | {"activation": "softplus", "dataset": "helix", "latent_dim": 3},
    SMALL | {"activation": "tanh", "depth": 4, "latent_dim": 1, "dataset": "s_curve"},
    SMALL | {"depth": 0, "decoder_variance": "learned", "reduction": "sum", "beta": 1, "dataset": "torus"},
    SMALL | {"components": 20, "refit_prior": True, "lr": 0.01, "lr_schedule": "cosine", "warmup": 50},
    SMALL | {"beta_start": 0.5, "hidden_dim": 33, "batch_size": 7, "dataset": "pinwheel"},
    SMALL | {"mistake": "relu_on_head", "latent_dim": 4, "dataset": "checkerboard"},
    SMALL | {"activation": "silu", "components": 5, "decoder_variance": "learned", "seed": 2**53 - 1},
)
"""Settings whose bits are compared: every activation, kind of data set, prior, variance, reduction and schedule."""


def engine_page(jobs: Jobs) -> str:
    """A page that runs jobs and writes what they gave, as JSON, into its element ``result``."""
    sources = read_modules(LAB)
    for name in ("lab_page.js", "lab_worker.js", "lab_job.js"):
        sources[name] = (HERE / name).read_text(encoding="utf-8")
    kernel = base64.b64encode(zlib.compress((LAB / "kernel.wasm").read_bytes())).decode()
    script = link(sources, page="lab_page.js", worker="lab_worker.js")
    return PAGE.format(jobs=json.dumps(list(jobs)), kernel=kernel, script=script)


def run_in_node(jobs: Jobs) -> list[dict[str, Any]]:
    """Run jobs in Node; returns of each what ``lab_job.js`` says."""
    command = ["node", "--input-type=module", "--eval", NODE]
    given = json.dumps({"lab": str(LAB), "job": (HERE / "lab_job.js").read_text("utf-8"), "jobs": list(jobs)})
    done = subprocess.run(command, input=given, check=True, capture_output=True, text=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def run_in_chromium(jobs: Jobs) -> list[dict[str, Any]]:
    """Run jobs in a page of Chromium, opened from a file; as :func:`run_in_node`.

    Raises:
        RuntimeError: A job failed.
    """
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "engine.html"
        path.write_text(engine_page(jobs), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(path.as_uri())
        page.wait_for_function("document.getElementById('result').textContent !== ''", timeout=600_000)
        found = json.loads(page.text_content("#result") or "")
        browser.close()

    if isinstance(found, dict):
        raise RuntimeError(found["error"])
    results: list[dict[str, Any]] = found
    return results


def notebook_steps_per_second(width: int, steps: int) -> float:
    """The notebook's loop in PyTorch, on one thread."""
    torch.set_num_threads(1)
    model = PlainVAE(width)
    train_plain(model, 20)
    began = perf_counter()
    train_plain(model, steps)
    return steps / (perf_counter() - began)


def print_speed() -> None:
    """Steps per second by width, and as ratios to the notebook's loop in the same call.

    Of the engine, on average and in its fastest 5 ms: on a busy machine, what an idle one would do.
    """
    print("width  notebook            Node: mean, best             Chromium: mean, best")
    for width, steps in WIDTHS.items():
        job = {"settings": {"hidden_dim": width, "steps": 10**5}, "steps": steps + WARM_UP}
        notebook = notebook_steps_per_second(width, max(50, steps // 10))
        cells = [f"{width:5} {notebook:9.0f}"]
        for found in (run_in_node([job])[0], run_in_chromium([job])[0]):
            for rate in (found["mean"], found["best"]):
                cells.append(f"{rate:6.0f} ({rate / notebook:5.1f}x)")
        print("  ".join(cells), flush=True)


def print_hashes() -> None:
    """The hash of the weights after 1,000 steps in Node and in Chromium, for the dozen."""
    jobs = dozen()
    node = run_in_node(jobs)
    chromium = run_in_chromium(jobs)
    for job, here, there in zip(jobs, node, chromium, strict=True):
        word = "same" if here["hash"] == there["hash"] else "DIFFERENT"
        print(f"{here['hash']}  {word}  {json.dumps(job['settings'])}")


def dozen() -> list[dict[str, Any]]:
    """The dozen settings, for 1,000 steps each."""
    return [{"settings": settings, "steps": 1000} for settings in DOZEN]


def main() -> None:
    """Do what the command line says."""
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "speed":
        print_speed()
    elif what == "hashes":
        print_hashes()
    elif what == "pictures":
        print_pictures()
    elif what == "page" and len(sys.argv) == 3:
        Path(sys.argv[2]).write_text(engine_page(dozen()), encoding="utf-8")
    else:
        sys.exit(f"{__doc__}")


if __name__ == "__main__":
    main()

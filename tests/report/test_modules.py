"""Modules linked into one script run as the modules do. Oracle: Node, which runs both."""

import shutil
import subprocess
from pathlib import Path

import pytest

from swissroll.report.modules import link, read_modules, strip

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node: apt-get install nodejs")

MODULES = {
    "numbers.js": """/** Numbers. */
export const ONE = 1;
// A comment.
export function twice(value) {
  return 2 * value;
}
export async function later(value) {
  return value;
}
export class Pair {
  constructor(left) { this.left = left; } /* kept */
}
const hidden = 3;
export { hidden as shown };
export const PYTHON = `
import torch
`;
""",
    "words.js": """import {
  ONE,
  twice as double,
} from "./numbers.js";
/* A comment
   of two lines. */ export function text() {
  return `a  ${double(ONE)}
    // no comment
  \\` b`;
}
""",
    "main.js": """import { text } from "./words.js";
import { shown, later, Pair } from "./numbers.js";
later(new Pair(shown).left).then((value) => console.log(JSON.stringify([text(), value])));
""",
}


def run_node(*arguments: str, script: str | None = None) -> str:
    done = subprocess.run(["node", *arguments], input=script, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_node
def test_a_linked_script_does_what_its_modules_do(tmp_path: Path) -> None:
    for name, text in (MODULES | {"package.json": '{"type": "module"}'}).items():
        (tmp_path / name).write_text(text)
    script = link(read_modules(tmp_path), "main.js", "main.js")
    assert run_node("-", script=script) == run_node(str(tmp_path / "main.js"))
    assert "A comment" not in script


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"main.js": 'import { a } from "./b.js";\n'}, "main.js imports b.js, which is not there"),
        (
            {"main.js": 'import { a } from "./b.js";\n', "b.js": 'import { c } from "./main.js";\n'},
            "in a circle: main.js > b.js > main.js",
        ),
        ({"main.js": "export default 3;\n"}, "main.js: the page's assembly does not understand 'export default 3;'"),
        ({"main.js": "export let a = 3;\n"}, "does not understand 'export let a = 3;'"),
        ({"main.js": 'import * as b from "./b.js";\n', "b.js": ""}, "does not understand"),
        ({"main.js": 'import { "a" } from "./b.js";\n', "b.js": ""}, "in braces"),
        ({"main.js": 'const b = await import("./b.js");\n'}, "does not understand"),
        ({"main.js": 'const a = "</SCRIPT>";\n'}, "would end the page's script"),
        ({"main.js": 'const a = "<!--";\n'}, "would end the page's script"),
        ({"main.js": "/* no end\n"}, "does not end"),
        ({"main.js": "const a = '`';\n"}, "one backtick alone"),
    ],
    ids=str,
)
def test_what_cannot_be_linked_is_refused(sources: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        link(sources, "main.js", "main.js")
    assert message in str(caught.value)


def test_strip_leaves_templates_alone() -> None:
    source = "  const a = `\n  // x\n\n  y`;\n  // z\n  b();\n"
    assert strip(source, "a.js") == "const a = `\n  // x\n\n  y`;\nb();\n"

"""The command ``export``: a trained run's encoder and decoder as files for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from swissroll.cli.labels import require_label
from swissroll.cli.terminal import CommandError, disk_errors_with
from swissroll.cli.use import columns_of, open_run
from swissroll.report.shell import quote


def export(
    folder: Path,
    /,
    *,
    file_format: Annotated[Literal["onnx", "torch"], Parameter(name="--format")] = "onnx",
    label: str | None = None,
    out: Path | None = None,
) -> int:
    """Write a run's encoder and decoder as files for other programs, with rows in the units of the data.

    Parameters
    ----------
    folder
        The run's folder.
    file_format
        onnx is for onnxruntime and others; torch is a program for torch.export.load.
    label
        Label that the files are for, of a conditional run.
    out
        Folder for the files; export in the run's own by default.
    """
    from swissroll.model.export import ENDINGS, export_model
    from swissroll.runs.files import replace_file

    run = open_run(folder)
    number = require_label(run, label)
    target = out or folder / "export"
    names = [f"encoder{ENDINGS[file_format]}", f"decoder{ENDINGS[file_format]}"]
    for path in (target / name for name in names):
        if path.exists():
            raise CommandError(f"{path} already exists.", "Move it away, or choose another folder with --out.")

    of_label = "" if label is None else f" --label {quote(label)}"
    again = f"swissroll export {quote(folder)} --format {file_format}{of_label} --out {quote(target)}"
    model = run.model if number is None else run.model.given(number)
    files = export_model(model, file_format, columns_of(run), label=label)
    with disk_errors_with(lambda: again):
        target.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            replace_file(target / name, content)
            print(target / name)

    encoder = str(target / names[0])
    if file_format == "onnx":
        print(f"\nNext, in Python: onnxruntime.InferenceSession({encoder!r}).run(None, {{'x': rows}})")
    else:
        print(f"\nNext, in Python: torch.export.load({encoder!r}).module()(rows). Load only files that you trust.")
    return 0

"""The main job on the sample scene, headless through QGIS: map, picture with legend, report and accuracy in demo/."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from osgeo import gdal

from croptransfer.engine.evaluation.metrics import Scores

ROOT = Path(__file__).resolve().parent.parent
SCENE = ROOT / "resources" / "sample"
OUTPUT = ROOT / "demo"
BUILD = ROOT / ".build"


def qgis_process() -> str:
    """Path of QGIS's command; Debian 12's wrapper adds an option it refuses, so the program behind it comes first."""
    for name in ("qgis_process.bin", "qgis_process"):
        if found := shutil.which(name):
            return found
    raise SystemExit("qgis_process is missing: install QGIS (make env).")


def environment() -> dict[str, str]:
    """Environment of a QGIS without a display and with a profile of its own, which has this plugin."""
    home, runtime = BUILD / "home", BUILD / "runtime"
    home.mkdir(parents=True, exist_ok=True)
    runtime.mkdir(exist_ok=True)
    runtime.chmod(0o700)
    return {
        "CROPTRANSFER_PYTHON": sys.executable,
        **os.environ,
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(runtime),
        "QT_QPA_PLATFORM": "offscreen",
        "QGIS_PLUGINPATH": str(BUILD / "plugins"),
    }


def transfer(command: str, variables: dict[str, str]) -> None:
    """Run croptransfer:transfer as a person would in a terminal; its progress goes to the terminal."""
    parameters = {
        "LABELS": SCENE / "fields.gpkg",
        "CLASS_FIELD": "crop",
        "SOURCE": SCENE / "source.tif",
        "TARGET": SCENE / "target.tif",
        "MASK": SCENE / "target_mask.tif",
        "OUTPUT": OUTPUT / "map.tif",
        "CONFIDENCE": OUTPUT / "confidence.tif",
        "MODEL": OUTPUT / "model.safetensors",
        "REPORT": OUTPUT / "report.html",
    }
    enable = [command, "plugins", "enable", "croptransfer"]
    enabled = subprocess.run(enable, env=variables, capture_output=True, stdin=subprocess.DEVNULL, text=True)
    # From the second demo on QGIS calls it an error that it is enabled already.
    if enabled.returncode and "already enabled" not in enabled.stdout + enabled.stderr:
        raise SystemExit(f"QGIS did not enable the plugin: {enabled.stderr or enabled.stdout}")
    run = [command, "run", "croptransfer:transfer", "--", *(f"{key}={value}" for key, value in parameters.items())]
    print("$", " ".join(str(part) for part in run), flush=True)
    subprocess.run(run, env=variables, check=True, stdin=subprocess.DEVNULL)


def scores(output: Path) -> tuple[list[str], Scores, float]:
    """Class names, agreement of the map in ``output`` with the truth, and the share of the truth's pixels it covers."""
    names = (SCENE / "truth" / "classes.txt").read_text(encoding="utf-8").splitlines()
    truth = gdal.Open(str(SCENE / "truth" / "target_truth.tif")).ReadAsArray()
    file = gdal.Open(str(output / "map.tif"))
    mapped = file.ReadAsArray()
    table = file.GetRasterBand(1).GetDefaultRAT()
    truth_class = np.zeros(256, int)
    for row in range(table.GetRowCount()):
        # Map and truth number the classes differently.
        truth_class[table.GetValueAsInt(row, 0)] = names.index(table.GetValueAsString(row, 1)) + 1
    both = (truth > 0) & (mapped > 0)
    agreement = Scores.of(truth[both] - 1, truth_class[mapped[both]] - 1, len(names))
    return names, agreement, both.sum() / (truth > 0).sum()


def draw(output: Path, agreement: Scores, variables: dict[str, str]) -> None:
    """Draw map.tif and confidence.tif of ``output`` beside the truth as map.png."""
    accuracy = f"overall accuracy {agreement.overall_accuracy:.3f}, macro-F1 {agreement.macro_f1:.3f}"
    picture = [sys.executable, str(ROOT / ".ci" / "demo_picture.py"), str(SCENE), str(output), accuracy]
    # QGIS warns of much that does not matter here: shown only when the picture fails.
    drawn = subprocess.run(picture, env=variables, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if drawn.returncode:
        raise SystemExit(f"The picture could not be drawn:\n{drawn.stdout}{drawn.stderr}")


def main() -> None:
    """Run the demo and print what it made."""
    gdal.UseExceptions()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    variables = environment()
    started = time.monotonic()
    transfer(qgis_process(), variables)
    seconds = time.monotonic() - started

    names, agreement, mapped = scores(OUTPUT)
    draw(OUTPUT, agreement, variables)

    print(f"\nDone in {seconds:.0f} s.")
    print(f"Map             {OUTPUT / 'map.tif'}")
    print(f"Legend picture  {OUTPUT / 'map.png'}")
    print(f"Confidence      {OUTPUT / 'confidence.tif'}")
    print(f"Model           {OUTPUT / 'model.safetensors'}")
    print(f"Report          {OUTPUT / 'report.html'}")
    print(f"\nAgainst the truth of the target ({mapped:.1%} of its pixels are mapped):")
    for name, f1 in zip(names, agreement.f1):
        print(f"  F1 {f1:.3f}  {name}")
    print(f"Overall accuracy {agreement.overall_accuracy:.3f}   macro-F1 {agreement.macro_f1:.3f}")


if __name__ == "__main__":
    main()

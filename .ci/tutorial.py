"""`make tutorial`: the pictures of docs/tutorial.md and README, by the plugin in a QGIS window on the sample scene.

The window is a virtual display (Xvfb). `--method rf` fits in seconds, to try the script; such pictures are not kept.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from demo import BUILD, ROOT, SCENE, draw, environment, scores

IMAGES = ROOT / "docs" / "images"
SCREEN = "1400x900x24"
LIMIT = 1800
"""Seconds after which QGIS is ended: a fit beside other work takes several minutes."""
START_LIMIT = 90
"""Seconds within which the first picture exists, unless QGIS shows an error instead."""


def program(*names: str) -> str:
    """Path of the first of some programs that is installed."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise SystemExit(f"{names[-1]} is missing. On Debian: apt-get install qgis xvfb")


def make_profile(folder: Path) -> None:
    """Write a profile of QGIS that has the plugin switched on."""
    settings = folder / "profiles" / "default" / "QGIS" / "QGIS3.ini"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        "[PythonPlugins]\ncroptransfer=true\nprocessing=true\n[locale]\noverrideFlag=true\nuserLocale=en\n"
        "[qgis]\ncheckVersion=false\nshowTips=false\n[app]\nprojections/unknownCrsBehavior=UseDefaultCrs\n",
        "utf-8",
    )


def open_display() -> tuple[subprocess.Popen, str]:
    """Start a virtual display and return it with its name, which it chooses itself."""
    read, write = os.pipe()
    command = [program("Xvfb"), "-displayfd", str(write), "-screen", "0", SCREEN, "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    if not number:
        raise SystemExit("Xvfb did not start.")
    return server, f":{number}"


def drive(folder: Path, output: Path, method: str) -> None:
    """Let QGIS run tutorial_window.py; its pictures and the map are in ``output`` afterwards."""
    make_profile(folder)
    server, display = open_display()
    variables = {
        **environment(),
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        # QGIS marks layers in its folder for temporary files: the map is not there.
        "TMPDIR": str(folder),
        "TUTORIAL_SCENE": str(SCENE),
        "TUTORIAL_OUTPUT": str(output),
        "TUTORIAL_METHOD": method,
    }
    command = [program("qgis.bin", "qgis"), "--noversioncheck", "--nologo", "--profiles-path", str(folder)]
    command += ["--code", str(ROOT / ".ci" / "tutorial_window.py")]
    log = BUILD / "tutorial.log"
    try:
        with log.open("w", encoding="utf-8") as file:
            qgis = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
            try:
                qgis.wait(START_LIMIT)
            except subprocess.TimeoutExpired:
                if (output / "pictures" / "start.png").exists():
                    qgis.wait(LIMIT)
    except subprocess.TimeoutExpired:
        pass
    finally:
        if qgis.poll() is None:
            qgis.kill()
        qgis.wait()
        server.terminate()
        server.wait()
    if not (output / "pictures" / "done").exists():
        raise SystemExit(
            f"QGIS did not finish the tutorial (exit code {qgis.returncode}):\n{log.read_text('utf-8')[-3000:]}"
        )


def main() -> None:
    """Make the pictures and put them into docs/images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="ghca", help="method of the map")
    parser.add_argument("--output", type=Path, default=IMAGES, help="folder of the pictures")
    options = parser.parse_args()
    # QGIS and the display end with this script, also when make is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.method != "ghca" and options.output == IMAGES:
        options.output = BUILD / "tutorial"
    # A short path without names of this machine, since the window shows it.
    output = Path(tempfile.gettempdir()) / "crops"
    shutil.rmtree(output, ignore_errors=True)
    (output / "pictures").mkdir(parents=True)
    try:
        with tempfile.TemporaryDirectory(prefix="croptransfer-profile-") as folder:
            drive(Path(folder), output, options.method)
        # The names that the demo's picture expects, side files too.
        for made in sorted(output.glob("crop_map*")):
            made.rename(made.with_name(made.name.replace("crop_map_", "").replace("crop_map", "map")))
        draw(output, scores(output)[1], environment())
        (output / "map.png").rename(output / "pictures" / "demo.png")
        options.output.mkdir(parents=True, exist_ok=True)
        for picture in sorted((output / "pictures").glob("*.png")):
            shutil.copyfile(picture, options.output / picture.name)
            print(options.output / picture.name)
    finally:
        shutil.rmtree(output, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

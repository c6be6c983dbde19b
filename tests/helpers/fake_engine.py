"""Stands in for the engine's Python: started as ``python -I <entry> worker`` or ``python -I -c <code>``.

``make_fake(folder, behaviour)`` writes an executable whose worker behaves as one of BEHAVIOURS. It runs
with a Python that has GDAL and no torch, and answers the questions whether torch is there with yes.
"""

from __future__ import annotations

import stat
import sys
from pathlib import Path

BEHAVIOURS = (
    "map",
    "compare",
    "polite",
    "deaf",
    "crash",
    "killed",
    "garbage",
    "input-error",
    "silent",
    "no-torch",
    "broken-torch",
)

SCRIPT = r"""#!{python}
import json, os, signal, sys, time
BEHAVIOUR = {behaviour!r}
PLUGIN = {plugin!r}

def emit(**event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()

if "-c" in sys.argv:
    optimiser = "AdamW" in sys.argv[-1]
    if BEHAVIOUR == "no-torch" and not optimiser:
        print(json.dumps(["torch"]))
    elif BEHAVIOUR == "broken-torch" and optimiser:
        sys.exit("AttributeError: module 'sympy' has no attribute 'printing'")
    elif optimiser:
        print(json.dumps({{"torch": "2.13.0", "python": "3.11.2", "numpy": "1.24.2", "gdal": "3.6.2", "cuda": False}}))
    else:
        print(json.dumps([]))
    sys.exit(0)

job = json.loads(sys.stdin.readline())
part = os.path.join(os.path.dirname(job["output"]), ".map." + job["id"] + ".part.tif")
if BEHAVIOUR == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
emit(event="stage", name="Reading the source")
emit(event="progress", fraction=0.1, stage="Reading the source", seconds_left=9.0)
print("a line for the log", file=sys.stderr, flush=True)

if BEHAVIOUR in ("polite", "deaf"):
    open(part, "w").write("half a map")
    emit(event="stage", name="Mapping the target")
    emit(event="progress", fraction=0.5, stage="Mapping the target", seconds_left=5.0)
    if BEHAVIOUR == "deaf":
        while True:
            time.sleep(0.2)
    while True:
        line = sys.stdin.readline()
        if line.strip() == "cancel" or not line:
            emit(event="error", kind="cancelled", code="cancelled", message="The job was cancelled.", hint="")
            sys.exit(130)
if BEHAVIOUR in ("crash", "broken-torch"):
    open(part, "w").write("half a map")
    print("RuntimeError: the tensor has no elephants", file=sys.stderr, flush=True)
    sys.exit(1)
if BEHAVIOUR == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if BEHAVIOUR == "silent":
    sys.exit(0)
if BEHAVIOUR == "input-error":
    emit(event="error", kind="input", code="no-overlap", message="A does not touch B.", hint="Choose another.")
    sys.exit(2)
if BEHAVIOUR == "garbage":
    print("Loading weights: 100%|####|", flush=True)
    print(json.dumps([1, 2, 3]), flush=True)

if BEHAVIOUR == "compare":
    accuracies = dict(zip(("oracle", *job["methods"]), (0.9, 0.8, 0.6, 0.7)))
    rows = []
    for method, oa in accuracies.items():
        gap = round((oa - 0.6) / 0.3, 6) if method == "ghca" else None
        figure, fit = {{"mean": oa, "sd": 0.01}}, {{"mean": 12.0, "sd": None}}
        rows.append({{"transfer": "a to b", "method": method, "oa": figure, "macro_f1": figure, "fit_seconds": fit,
                     "gap_closed_oa": gap}})
        emit(event="metric", name="run", value={{"transfer": "a to b", "method": method, "seed": 0, "oa": oa,
             "macro_f1": oa, "fit_seconds": 12.0, "notes": []}})
    outputs = {{"results": job["output"], "csv": job["csv"], "report": job["report"]}}
    for path in outputs.values():
        open(path, "w").write(json.dumps(job))
    emit(event="result", outputs=outputs, summary={{"rows": rows, "mean_oa": accuracies, "reading": ["All is well."],
         "failed": []}})
    sys.exit(0)

sys.path.insert(0, PLUGIN)
import numpy
from engine.imagery import MapWriter, ParcelLayer, ParcelWriter, Stack, class_colors, write_parcel_qml, write_qml
from engine.imagery.parcels.store import Decision
from engine.imagery.geo.types import StackBand
names = ("maize", "rapeseed", "wheat", "sunflower")
with Stack([StackBand(**band) for band in job["target"]], "target") as stack:
    colors = class_colors(names)
    writer = MapWriter(job["output"], job["confidence"], stack.grid, names, colors, {{"CROPTRANSFER_METHOD": "fake"}})
    for window in stack.windows():
        column = numpy.arange(window.column, window.column + window.width)
        classes = numpy.tile((column % 3 + 1).astype("uint8"), (window.height, 1))
        writer.write(window, classes, numpy.full_like(classes, 80))
    writer.finish()
    writer.close()
style = os.path.splitext(job["output"])[0] + ".qml"
write_qml(style, names, colors, [True, True, True, False])
outputs = {{"map": job["output"], "style": style}}
if job["confidence"]:
    outputs["confidence"] = job["confidence"]
summary = {{}}
if job["parcels"]:
    path, _, layer = job["parcels"].partition("|layername=")
    source = ParcelLayer(path, layer)
    outputs["parcels"] = job["parcel_layer"] or os.path.splitext(job["output"])[0] + "_parcels.gpkg"
    outputs["parcel_style"] = os.path.splitext(outputs["parcels"])[0] + ".qml"
    if os.path.exists(outputs["parcels"]):
        os.remove(outputs["parcels"])
    writer = ParcelWriter(outputs["parcels"], "parcels", source, names)
    count = 0
    for count, feature in enumerate(source.features(), 1):
        writer.write(feature, Decision(count, count % 3, 80.0, 3, 10.0, 90.0, 36) if count > 1 else None)
    writer.finish()
    write_parcel_qml(outputs["parcel_style"], writer.crop_field, names, colors, [True, True, True, False], True)
    summary["parcels"] = {{"count": count, "classified": count - 1}}
for role in ("model", "report"):
    if job[role]:
        open(job[role], "w").write(f"<html>{{job['method']}}</html>")
        outputs[role] = job[role]
pixels = [100, 100, 100, 0]
classes = [{{"name": name, "value": value, "pixels": count, "share": count / 300, "hectares": 1.0, "confidence": 80.0}}
           for value, (name, count) in enumerate(zip(names, pixels), 1)]
emit(event="progress", fraction=1.0, stage=None, seconds_left=0.0)
emit(event="result", outputs=outputs, summary={{"method": job["method"], "model_id": "fake", "classes": classes,
     "mapped_pixels": 300, "unobserved_pixels": 100, **summary}})
"""


def make_fake(folder: Path, behaviour: str, plugin: Path) -> str:
    """Write the executable into ``folder`` and return its path."""
    if behaviour not in BEHAVIOURS:
        raise ValueError(f"no behaviour {behaviour}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"fake-{behaviour}"
    path.write_text(SCRIPT.format(python=sys.executable, behaviour=behaviour, plugin=str(plugin)))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


QUICK = r"""#!{python}
import json, os, subprocess, sys, threading
if "-c" in sys.argv:
    os.execv({engine!r}, [{engine!r}, *sys.argv[1:]])
job = json.loads(sys.stdin.readline())
job["options"] = {{"steps_scale": {scale}}}
worker = subprocess.Popen([{engine!r}, *sys.argv[1:]], stdin=subprocess.PIPE, text=True)
worker.stdin.write(json.dumps(job) + "\n")
worker.stdin.flush()
def forward():
    for line in sys.stdin:
        worker.stdin.write(line)
        worker.stdin.flush()
    worker.stdin.close()
threading.Thread(target=forward, daemon=True).start()
code = worker.wait()
sys.stdout.flush()
os._exit(code)
"""


def make_quick(folder: Path, engine: str, scale: float) -> str:
    """Write an executable that runs the real ``engine`` with fewer optimiser steps, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "quick-engine"
    path.write_text(QUICK.format(python=sys.executable, engine=engine, scale=scale))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)

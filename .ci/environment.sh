#!/usr/bin/env bash
# Make the development environment: QGIS from the system, .venv on QGIS's own Python, the plugin folder.
set -euo pipefail
cd "$(dirname "$0")/.."

# QGIS's Python, not the first python3 of PATH, which may be another one (pyenv, conda).
python=${PYTHON:-/usr/bin/python3}
packages=(qgis python3-qgis python3-gdal gdal-bin qgis-providers python3-scipy python3-sklearn
    python3-matplotlib python3-venv python3-pip proj-bin git)

# A QGIS that did not come with apt, as in the qgis/qgis images, stays as it is.
if "$python" -c 'import qgis.core' 2>/dev/null && ! dpkg-query -W python3-qgis >/dev/null 2>&1; then
    packages=(python3-venv python3-pip git)
fi

missing=()
if command -v dpkg-query >/dev/null; then
    for package in "${packages[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
    done
fi
if ((${#missing[@]})); then
    become=()
    if ((EUID)); then
        command -v sudo >/dev/null || {
            echo "These packages are missing and installing them needs root: ${missing[*]}" >&2
            exit 1
        }
        become=(sudo)
    fi
    echo "Installing with apt: ${missing[*]}"
    "${become[@]}" apt-get update
    "${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
fi
"$python" -c 'import qgis.core, osgeo.gdal' || {
    echo "$python has no QGIS: name QGIS's own interpreter, as in 'make env PYTHON=/usr/bin/python3'." >&2
    exit 1
}

[ -x .venv/bin/python ] || "$python" -m venv --system-site-packages .venv

# A second numpy beside the one QGIS was built with breaks osgeo.gdal_array, scipy and scikit-learn.
mkdir -p .build
"$python" -c 'import numpy; print(f"numpy=={numpy.__version__}")' >.build/constraints.txt

# pip as it is configured: where PyTorch's CPU builds are among its indexes or links, the small one is taken.
.venv/bin/python -m pip install --disable-pip-version-check --quiet \
    --constraint .build/constraints.txt --editable '.[dev,docs]'

# One optimiser step: an unfit dependency lets `import torch` pass and fails only here.
.venv/bin/python - <<'CHECK'
import torch
weight = torch.nn.Parameter(torch.ones(1))
weight.square().sum().backward()
torch.optim.AdamW([weight]).step()
CHECK

# QGIS finds a plugin by the name of its folder, and this folder may be called anything.
mkdir -p .build/plugins
ln -sfn ../.. .build/plugins/croptransfer

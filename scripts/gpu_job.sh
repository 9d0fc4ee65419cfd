#!/usr/bin/env bash
# Carry out the next unfinished sweeps of configs/gpu within a time budget, and leave one small file of each in OUT.
#
#   scripts/gpu_job.sh OUT
#
# It needs bash and a Python (3.11 or later) with torch, numpy, scipy, scikit-learn, xarray, h5py and joblib; it works
# offline and installs nothing outside of its working folder. What else is missing it names: carry those wheels in the
# folder .whl of the repository. Sweeps that are complete in results/sweeps/gpu are left alone; of others the finished
# networks there are taken over. Afterwards, for every file that came back:
#
#   ramodel sweep --merge results/sweeps/gpu/depth.nc OUT/depth.nc
#
# Data travel in a folder of the repository that git ignores, which RAMODEL_DATA names, a relative path from the root:
# `mkdir .gpu-data && cp -r ../shared/data/{mnist,fashion-mnist,cifar10} .gpu-data`, carry .gpu-data (and .whl), and run
# `RAMODEL_DATA=.gpu-data scripts/gpu_job.sh OUT`. Sweeps that lack their data go last: their networks fail, which is
# said, and are tried again by the next call.
#
# RAMODEL_BUDGET   seconds in all (540)            RAMODEL_CONFIGS  folder of sweeps (configs/gpu)
# RAMODEL_DEVICE   device (cuda)                   RAMODEL_RESULTS  packed results so far (results/sweeps/gpu)
# RAMODEL_JOBS     processes (one on a GPU)        RAMODEL_WORK     working folder (a temporary one)
# RAMODEL_PYTHON   interpreter (python3)           RAMODEL_SWEEPS   most sweeps, and files left in OUT (8)
# RAMODEL_TESTS    1: run the tests that need a GPU first
set -uo pipefail

if [ $# -ne 1 ] || [ "$1" = "--help" ] || [ "$1" = "-h" ]; then
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
    [ $# -eq 1 ] && exit 0 || exit 2
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
mkdir -p "$1" || exit 2
out=$(cd "$1" && pwd)
python=${RAMODEL_PYTHON:-python3}
configs=${RAMODEL_CONFIGS:-$root/configs/gpu}
results=${RAMODEL_RESULTS:-$root/results/sweeps/gpu}
device=${RAMODEL_DEVICE:-cuda}
budget=${RAMODEL_BUDGET:-540}
most=${RAMODEL_SWEEPS:-8}
work=${RAMODEL_WORK:-$(mktemp -d)}
least=10 # seconds under which no sweep is begun
case ${RAMODEL_DATA:-/} in /*) ;; *) export RAMODEL_DATA="$root/$RAMODEL_DATA" ;; esac
export PYTHONPATH="$root:$work/site${PYTHONPATH:+:$PYTHONPATH}"

# Wheel names of the modules that `ramodel sweep` imports and this Python does not have.
missing() {
    "$python" - <<'PYTHON'
from importlib.util import find_spec

wheels = {
    "docstring-parser": "docstring_parser", "h5py": "h5py", "joblib": "joblib", "jaxtyping": "jaxtyping",
    "array-api-compat": "array_api_compat", "markdown-it-py": "markdown_it", "mdurl": "mdurl", "msgspec": "msgspec",
    "numpy": "numpy", "pygments": "pygments", "rich": "rich", "safetensors": "safetensors", "scikit-learn": "sklearn",
    "scipy": "scipy", "threadpoolctl": "threadpoolctl", "torch": "torch", "typeguard": "typeguard", "tyro": "tyro",
    "typing-extensions": "typing_extensions", "wadler-lindig": "wadler_lindig", "xarray": "xarray",
}
print(" ".join(wheel for wheel, module in wheels.items() if find_spec(module) is None))
PYTHON
}

lacking=$(missing) || exit 2
if [ -n "$lacking" ] && compgen -G "$root/.whl/*.whl" >/dev/null; then
    "$python" -m pip install --quiet --no-index --no-deps --target "$work/site" "$root"/.whl/*.whl || exit 2
    lacking=$(missing)
fi
if [ -n "$lacking" ]; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "gpu_job: this Python lacks $lacking." >&2
    echo "gpu_job: where there is a network, fetch their wheels into the repository, and take them along:" >&2
    echo "  pip download --no-deps --only-binary=:all: --python-version $version --dest .whl $lacking" >&2
    exit 2
fi

ramodel() { "$python" -m ramodel "$@"; }
seconds_left() { echo $((budget - SECONDS)); }
if [ "${RAMODEL_TESTS:-0}" = 1 ]; then
    (cd "$root" && "$python" -m pytest -q -p no:cacheprovider -k cuda tests) || echo "gpu_job: GPU tests failed." >&2
fi

compgen -G "$configs/*.toml" >/dev/null || { echo "gpu_job: no sweeps in $configs." >&2; exit 2; }
plan=$("$python" "$root/scripts/gpu_plan.py" "$configs" "$results") || exit 2
carried=0 failed=0
for name in $plan; do
    config=$configs/$name.toml
    packed=$results/$name.nc
    folder=$work/$name
    left=$(seconds_left)
    if [ "$left" -lt "$least" ] || [ "$carried" -ge "$most" ]; then
        echo "gpu_job: stopping before $name, with $left s left and $carried sweeps carried out."
        break
    fi
    if [ -f "$packed" ] && [ ! -d "$folder" ]; then ramodel sweep --merge "$folder" "$packed" || rm -rf "$folder"; fi
    # A sixth of the time is for measuring networks whose training ended in time.
    command=(ramodel sweep "$config" --out "$folder" --device "$device" --stop-after "$((left - left / 6))s" --retry-failed)
    [ -n "${RAMODEL_JOBS:-}" ] && command+=(--jobs "$RAMODEL_JOBS")
    "${command[@]}"
    code=$?
    if [ $code -eq 2 ] && [ -f "$packed" ]; then
        echo "gpu_job: $packed is of other settings; $name begins anew." >&2
        rm -rf "$folder"
        "${command[@]}"
        code=$?
    fi
    [ $code -eq 0 ] || failed=1
    ramodel sweep --merge "$out/$name.nc" "$folder" && carried=$((carried + 1))
done
[ -n "$plan" ] || echo "gpu_job: every sweep is complete."
ls -l "$out"
exit $failed

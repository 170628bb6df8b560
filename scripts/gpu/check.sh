#!/usr/bin/env bash
# Checks this kit on the machine it was unpacked on, and writes report.md and report.json.
#
#   ./check.sh                  on the first CUDA card, within 8 minutes
#   ./check.sh --device cpu     the same checks with the CPU program
#   ./check.sh --help           all flags
#
# Needs Python 3.8 or newer, and for CUDA the driver with CUDA 13's cuBLAS, cuRAND and NVRTC.
# Neither Rust nor the network is needed. Ends with 0 if all checks passed on the device that was
# asked for, with 1 if one failed or could not be run there, with 2 if it was called wrongly.
set -euo pipefail
kit=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for python in ${PYTHON:-python3 python}; do
  if command -v "$python" >/dev/null 2>&1 &&
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
    PYTHONDONTWRITEBYTECODE=1 exec "$python" "$kit/check" "$@"
  fi
done
echo "check: Python 3.8 or newer is needed, as python3 or named by PYTHON" >&2
exit 2

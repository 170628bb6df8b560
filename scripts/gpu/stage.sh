#!/usr/bin/env bash
# Lays out a kit in an empty folder, from programs that are built already.
#
#   scripts/gpu/stage.sh FOLDER CPU_PROGRAM CPU_TESTS [CUDA_PROGRAM CUDA_TESTS [COUNTER]]
#
# CPU_TESTS and CUDA_TESTS are the test program `on_device` of fpo-core, COUNTER is
# count_launches.c as a library. A kit without CUDA programs checks the CPU alone.
# scripts/gpu/pack.sh builds all of them, stages and packs.
set -euo pipefail
if [ $# -ne 3 ] && [ $# -ne 5 ] && [ $# -ne 6 ]; then
  sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$1
for program in "${@:2}"; do
  if [ ! -f "$program" ]; then
    echo "stage: $program is no file" >&2
    exit 2
  fi
done
mkdir -p "$folder"
if [ -n "$(ls -A "$folder")" ]; then
  echo "stage: $folder is not empty" >&2
  exit 2
fi

mkdir -p "$folder/cpu" "$folder/lib" "$folder/golden"
cp "$root/scripts/gpu/check.sh" "$folder/"
mkdir "$folder/check"
cp "$root"/scripts/gpu/check/*.py "$folder/check/"
cp -r "$root/configs" "$folder/configs"
cp -r "$root/tests/golden/algorithm" "$folder/golden/algorithm"
cp "$root"/LICENSE-* "$folder/"
if [ -d "$root/third_party/mujoco/lib" ]; then
  cp "$root"/third_party/mujoco/lib/libmujoco.so.* "$folder/lib/"
  cp "$root/third_party/mujoco/LICENSE" "$folder/lib/LICENSE-mujoco"
fi
cp "$2" "$folder/cpu/fpo"
cp "$3" "$folder/cpu/on_device"
if [ $# -ge 5 ]; then
  mkdir "$folder/cuda"
  cp "$4" "$folder/cuda/fpo"
  cp "$5" "$folder/cuda/on_device"
fi
if [ $# -ge 6 ]; then
  cp "$6" "$folder/lib/libcount_launches.so"
fi

#!/usr/bin/env bash
# Builds the kit for a machine with an NVIDIA card: one archive with the program and the device
# tests for the CPU and for CUDA, MuJoCo's library, configurations, golden numbers, and check.sh.
#
#   scripts/gpu/pack.sh [ARCHIVE]       target/gpu/fpo-gpu-kit.tar.xz without an argument
#
# Needs no card: the CUDA programs are built as scripts/cuda/full_build.sh says, for compute
# capability 8.0 and later; the driver compiles their PTX when it is first used. Needs Linux on
# x86-64, binutils and xz besides.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
archive=${1:-$root/target/gpu/fpo-gpu-kit.tar.xz}
most_bytes=60000000
for tool in strip objdump xz tar cc; do
  if ! command -v "$tool" >/dev/null; then
    echo "pack: $tool is needed (binutils, xz-utils, tar, a C compiler)" >&2
    exit 1
  fi
done
mkdir -p "$(dirname "$archive")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kit="$work/fpo-gpu-kit"

# Program and tests in one call, so that what they stand on is built once.
targets=(build --release --locked --workspace --bin fpo --test on_device)
tests_of() {
  sed -n 's/.*"name":"on_device".*"executable":"\([^"]*\)".*/\1/p' "$1" | tail -n 1
}
scripts/setup.sh
CARGO_TARGET_DIR="$root/target" cargo "${targets[@]}" --message-format=json >"$work/cpu.json"
scripts/cuda/full_build.sh "${targets[@]}" --features cuda --message-format=json \
  >"$work/cuda.json"
cc -shared -fPIC -O2 -o "$work/counter.so" scripts/gpu/count_launches.c -ldl

scripts/gpu/stage.sh "$kit" target/release/fpo "$(tests_of "$work/cpu.json")" \
  target/cuda/release/fpo "$(tests_of "$work/cuda.json")" "$work/counter.so"
strip "$kit"/cpu/* "$kit"/cuda/*

# What check.sh has to know of the programs: what they are made of and what they need.
glibc=$(objdump -T "$kit"/cpu/* "$kit"/cuda/* "$kit"/lib/*.so* |
  sed -n 's/.*GLIBC_\([0-9.]*\).*/\1/p' | sort -uV | tail -n 1)
needs=$(objdump -p "$kit/cuda/fpo" "$kit/cuda/on_device" |
  sed -n 's/^ *NEEDED *\(lib\(cu\|nv\)[^ ]*\)$/"\1"/p' | sort -u | paste -sd, -)
cat >"$kit/manifest.json" <<JSON
{"program": "$("$kit/cpu/fpo" --version)",
 "commit": "$(git rev-parse --short=12 HEAD)$(git diff --quiet HEAD -- || echo +)",
 "packed": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
 "cuda_needs": [$needs],
 "compute_capability": "${CUDA_COMPUTE_CAP:-80}",
 "glibc": "$glibc"}
JSON

tar -C "$work" -cf - fpo-gpu-kit | xz -9e -T1 >"$work/kit.tar.xz"
bytes=$(stat -c %s "$work/kit.tar.xz")
if [ "$bytes" -gt "$most_bytes" ]; then
  echo "pack: the archive has $bytes bytes, more than $most_bytes" >&2
  exit 1
fi
mv "$work/kit.tar.xz" "$archive"
echo "pack: $archive, $bytes bytes ($SECONDS s)"

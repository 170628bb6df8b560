#!/usr/bin/env bash
# Compiles the CUDA kernels and links `fpo` for CUDA where there is no GPU: what check-cuda.sh
# leaves open. For releases; it is no part of scripts/test.sh.
#
# Takes the CUDA 13.0 toolkit from PyPI wheels (1.2 GB, once; newer ones are unknown to cudarc),
# joins them into one CUDA_HOME under third_party/cuda, and links against a stand-in for the driver
# library, which comes with a GPU's driver and with nothing else. Needs Linux on x86-64, Python 3
# with venv, a C compiler, 8 GB of disk and some 13 CPU-minutes.
#
# scripts/cuda/full_build.sh [CARGO ARGUMENTS]   builds the program, or what the arguments say
#
# The program in target/cuda/release starts only where the driver's libcuda.so.1 and the toolkit's
# libcublas.so.13 and libcurand.so.10 are found (elsewhere it ends with status 127): builds for the
# CPU and for CUDA are separate. CUDA_COMPUTE_CAP (80 unless set) says the oldest GPU that it
# runs on.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
home="$root/third_party/cuda"
"$root/scripts/setup.sh"

if [ ! -e "$home/complete" ]; then
  rm -rf "$home"
  python3 -m venv "$home/venv"
  "$home/venv/bin/pip" install --quiet --disable-pip-version-check \
    "cuda-toolkit[nvcc,cudart,cublas,curand,nvrtc,cccl]==13.0.*"
  wheels=$(echo "$home"/venv/lib/python3*/site-packages/nvidia/cu13)
  mkdir -p "$home/lib64/stubs"
  for part in bin include nvvm; do
    ln -s "$wheels/$part" "$home/$part"
  done
  ln -s lib64 "$home/lib"
  ln -s "$wheels"/lib/* "$home/lib64/"
  # Wheels carry numbered libraries only; the linker asks for the plain names.
  for library in cublas cublasLt curand nvrtc cudart; do
    numbered=$(find "$wheels/lib" -name "lib$library.so.*" | sort | head -n 1)
    ln -sf "$numbered" "$home/lib64/lib$library.so"
  done
  chmod +x "$wheels"/bin/* "$wheels"/nvvm/bin/*
  touch "$home/complete"
fi

if [ $# -eq 0 ]; then
  set -- build --release --locked --features cuda
fi
export CUDA_HOME="$home" CUDA_PATH="$home" CUDA_COMPUTE_CAP="${CUDA_COMPUTE_CAP:-80}"
export PATH="$home/bin:$PATH" CARGO_TARGET_DIR="$root/target/cuda"
cargo fetch --locked

# Every entry point that cudarc names, each answering CUDA_ERROR_NO_DEVICE.
stand_in=$(mktemp -d)
trap 'rm -rf "$stand_in"' EXIT
for version in $(sed -n '/^name = "cudarc"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock); do
  grep -ohE 'fn cu[A-Z][A-Za-z0-9_]+' \
    "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/cudarc-"$version"/src/driver/sys/mod.rs
done | sort -u | sed 's/^fn \(.*\)$/int \1(void) { return 100; }/' >"$stand_in/cuda.c"
cc -shared -fPIC -w -Wl,-soname,libcuda.so.1 -o "$stand_in/libcuda.so" "$stand_in/cuda.c"
ln -sf libcuda.so "$stand_in/libcuda.so.1"
cp "$stand_in/libcuda.so" "$home/lib64/stubs/libcuda.so"

LIBRARY_PATH="$stand_in:$home/lib64${LIBRARY_PATH:+:$LIBRARY_PATH}" \
  cargo "$@"
echo "full_build: linked for CUDA, in target/cuda/release ($SECONDS s)" >&2

#!/usr/bin/env bash
# Type-checks the CUDA and the cuDNN build where there is neither a GPU nor the CUDA toolkit.
#
# Proves that everything compiled only with `--features cuda` or `cudnn`, ours and Candle's, passes
# the compiler's checks: names, types, borrows, features passed through the crates.
# Does not prove that a kernel compiles, that the program links (scripts/cuda/full_build.sh does
# both), or that a result is right, for which it takes a GPU:
#   FPO_TEST_DEVICE=cuda cargo test --release --features cuda
#
# The build scripts of Candle's kernels call nvcc; scripts/cuda/nvcc stands in for it. What comes
# out is never linked and stays in a target folder of its own, target/cuda-check.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
"$root/scripts/setup.sh"

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
mkdir -p "$home/bin" "$home/include" "$home/lib64"
ln -s "$root/scripts/cuda/nvcc" "$home/bin/nvcc"
export CUDA_HOME="$home" CUDA_PATH="$home" CUDA_COMPUTE_CAP=80 PATH="$home/bin:$PATH"
export CARGO_TARGET_DIR="${FPO_CUDA_CHECK_DIR:-$root/target/cuda-check}"

cargo check --workspace --all-targets --locked --features cuda
cargo check --workspace --locked --features cudnn
echo "check-cuda: the cuda and cudnn builds pass the type check ($SECONDS s)"

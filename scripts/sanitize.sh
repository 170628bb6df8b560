#!/usr/bin/env bash
# Looks for undefined behaviour in the kernels' unit tests, by two tools:
#   Miri              interprets the portable kernels: out-of-bounds, uninitialised, aliasing, races
#   AddressSanitizer  runs the AVX2 and AVX-512 kernels natively: reads and writes out of bounds
# scripts/sanitize.sh [miri|address]   runs one of them; both without an argument.
#
# Miri needs the nightly toolchain with the components miri and rust-src, which it asks rustup for.
# AddressSanitizer needs no download: its runtime comes with every toolchain, and RUSTC_BOOTSTRAP=1
# lets the pinned one take the flag. What is built stays in target/sanitize. Takes minutes, so it is
# no part of scripts/test.sh: run it when crates/fpo-core/src/backend/fused/kernels changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
what=${1:-both}
case "$what" in
  miri | address | both) ;;
  *) echo "sanitize: $what is neither miri nor address" >&2; exit 2 ;;
esac
export CARGO_TARGET_DIR="${FPO_SANITIZE_DIR:-$PWD/target/sanitize}"
tests=(test --package fpo-core --lib --locked)

if [ "$what" != address ]; then
  if ! cargo +nightly miri --version >/dev/null 2>&1; then
    rustup toolchain install nightly --profile minimal --component miri,rust-src
  fi
  # A table of thousands of activations would take it minutes: the kernels' tests have enough.
  # The thread pool of rayon lives until the process ends: Miri would call that a leak.
  # Its queues keep pointers as integers, which Stacked Borrows and strict provenance refuse.
  leniency="-Zmiri-ignore-leaks -Zmiri-tree-borrows -Zmiri-permissive-provenance"
  MIRIFLAGS="$leniency -Zmiri-disable-isolation" RAYON_NUM_THREADS=2 \
    cargo +nightly miri "${tests[@]}" -- kernels:: --skip in_double_precision
  echo "sanitize: Miri found nothing in the portable kernels ($SECONDS s)"
fi
if [ "$what" != miri ]; then
  host=$(rustc -vV | sed -n 's/^host: //p')
  # Only the kernels' own speed matters, so that what they stand on is built as fast as it goes.
  # With --target, the flags reach the tests but not build scripts and procedural macros.
  RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" ASAN_OPTIONS=detect_leaks=0 \
    cargo "${tests[@]}" --target "$host" \
    --config 'profile.dev.package."*".opt-level = 0' -- kernels::
  echo "sanitize: AddressSanitizer found nothing in the kernels ($SECONDS s)"
fi

#!/usr/bin/env bash
# Feeds whatever reads a file or a flag with inputs that libFuzzer makes up, and reports how many.
#
#   scripts/fuzz.sh                   60 seconds for each target
#   scripts/fuzz.sh 300               300 seconds for each
#   scripts/fuzz.sh 300 policy        of one target, or of several
#   scripts/fuzz.sh 0                 only the seeds, each once
#
# The targets and their seeds are in crates/fpo-cli/fuzz; what libFuzzer adds to the seeds goes to
# target/fuzz/corpus, and an input that fails to target/fuzz/artifacts: put it among the seeds once
# it is mended. One target runs at a time, on one thread, with at most 2 GiB and 10 seconds for an
# input. Needs a C++ compiler, and the network once for libFuzzer; no nightly Rust. Ends with 1 if
# an input failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
all=(config set_flag sweep_file policy checkpoint metrics)
seconds=${1:-60}
case "$seconds" in
  *[!0-9]* | "") echo "fuzz: $seconds is no number of seconds" >&2; exit 2 ;;
esac
shift $(($# > 0 ? 1 : 0))
targets=("${@:-${all[@]}}")
for target in "${targets[@]}"; do
  case " ${all[*]} " in
    *" $target "*) ;;
    *) echo "fuzz: there is no target $target; there are: ${all[*]}" >&2; exit 2 ;;
  esac
done

root=$PWD home=$PWD/crates/fpo-cli/fuzz out=${FPO_FUZZ_DIR:-$PWD/target/fuzz}
# MuJoCo is found as in any build: .cargo/config.toml says where.
(cd "$home" && RUSTC_WRAPPER="$home/instrument.sh" CARGO_TARGET_DIR="$out" \
  cargo build --locked --quiet "${targets[@]/#/--bin=}")

failed=()
# Files that targets write live as long as a process; memory is faster than a disk.
[ -d /dev/shm ] && export TMPDIR=/dev/shm
export RAYON_NUM_THREADS=1 RUST_BACKTRACE=1
for target in "${targets[@]}"; do
  seeds=$home/corpus/$target found=$out/corpus/$target log=$out/$target.log
  mkdir -p "$found" "$out/artifacts/$target"
  options=(-artifact_prefix="$out/artifacts/$target/" -print_final_stats=1 -timeout=10
    -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=8192 -use_value_profile=1)
  if [ "$seconds" = 0 ]; then
    run=("${options[@]}" "$seeds"/*)
  else
    run=("${options[@]}" -max_total_time="$seconds" "$found" "$seeds")
  fi
  verdict=ok
  LD_LIBRARY_PATH="$root/third_party/mujoco/lib:${LD_LIBRARY_PATH:-}" \
    "$out/debug/$target" "${run[@]}" >"$log" 2>&1 || verdict=FAILED
  count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
  count=${count:-$(grep -c '^Executed .* in ' "$log" || true)}
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
  printf '%-11s %-7s %10s executions  %6s edges\n' "$target" "$verdict" "$count" "${edges:--}"
  if [ "$verdict" != ok ]; then
    failed+=("$target")
    grep -m3 -E "panicked at|ERROR: libFuzzer|^Test unit written" -A1 "$log" | sed 's/^/    /'
  fi
done
if [ ${#failed[@]} != 0 ]; then
  echo "fuzz: an input failed: ${failed[*]} (logs and inputs in $out)" >&2
  exit 1
fi

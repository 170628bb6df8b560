#!/usr/bin/env bash
# Makes the release archive target/dist/fpo-VERSION-x86_64-linux.tar.xz: a folder that runs where it
# is unpacked, on a machine with neither Rust nor Python. It holds
#   bin/fpo              the program, which looks for MuJoCo in ../lib/fpo
#   lib/fpo              MuJoCo's library
#   configs, scripts     the experiments, and the Python reader of policy files
#   completions          of the shells
#   licences             ours, MuJoCo's, the font's, and a list of all crates with theirs
#
#   scripts/release.sh             builds and packs
#   scripts/release.sh --no-build  packs what the last call built
#
# Needs what a build needs (docs/contributing.md), tar and xz. Says which C library the program asks
# for: build on the oldest system that it is to run on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fail() { echo "release: $*" >&2; exit 1; }
build=yes
case "${1:-}" in
  "") ;;
  --no-build) build="" ;;
  *) echo "release: $1 is not --no-build" >&2; exit 2 ;;
esac
for tool in tar xz readelf; do
  command -v "$tool" >/dev/null || fail "$tool is needed"
done
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64 | Linux-aarch64) ;;
  *) fail "an archive is made on Linux, not on $(uname -s) $(uname -m)" ;;
esac

scripts/setup.sh
built=target/relocatable
if [ -n "$build" ]; then
  # The paths of this machine that panics and debuggers would name are left out of the program.
  packages=${CARGO_HOME:-$HOME/.cargo}
  export RUSTFLAGS="--remap-path-prefix=$PWD=fpo --remap-path-prefix=$packages=cargo"
  FPO_RELOCATABLE=1 cargo build --release --locked -p fpo-cli --target-dir "$built"
fi
program=$built/release/fpo
[ -x "$program" ] || fail "$program is not there; call scripts/release.sh without --no-build"

version=$("$PWD/$program" --version 2>/dev/null | cut -d ' ' -f 2) || true
version=${version:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)}
name=fpo-$version-$(uname -m)-linux
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
top=$work/$name
mkdir -p "$top/bin" "$top/lib/fpo" "$top/scripts" "$top/licences"

cp "$program" "$top/bin/fpo"
cp -L third_party/mujoco/lib/libmujoco.so.* "$top/lib/fpo/"
cp -r configs "$top/configs"
cp scripts/read_policy.py "$top/scripts/"
cp README.md CHANGELOG.md "$top/"
cp -r docs "$top/docs"
cp LICENSE-MIT LICENSE-APACHE "$top/licences/"
cp third_party/mujoco/LICENSE "$top/licences/MuJoCo"
cp crates/fpo-cli/src/commands/figure/fonts/OFL.txt "$top/licences/Inter"
scripts/licences.sh "$top/licences"
if "$top/bin/fpo" completions bash >/dev/null 2>&1; then
  mkdir "$top/completions"
  for shell in bash zsh fish; do
    "$top/bin/fpo" completions "$shell" >"$top/completions/fpo.$shell"
  done
fi

# The program must name no folder of this machine, and must run from its own folder alone.
readelf -d "$top/bin/fpo" | grep -q 'RUNPATH.*\[$ORIGIN/\.\./lib/fpo\]' \
  || fail "$program does not look for MuJoCo in \$ORIGIN/../lib/fpo alone"
! grep -qF -e "$PWD/" "$top/bin/fpo" || fail "$program names $PWD"
(cd / && env -i "$top/bin/fpo" envs >/dev/null) || fail "the program does not run from the archive"

mkdir -p target/dist
archive=target/dist/$name.tar.xz
# The same sources and program make the same archive: order, owners and times are fixed.
time=$(git log -1 --format=%ct 2>/dev/null || echo 0)
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" -cf - "$name" \
  | xz -T0 >"$archive.part"
mv "$archive.part" "$archive"
(cd target/dist && sha256sum "$name.tar.xz" >"$name.tar.xz.sha256")
asks=$(readelf -V "$top/bin/fpo" "$top/lib/fpo/"* | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
echo "release: $archive ($(du -h "$archive" | cut -f 1)), needs $asks or later"

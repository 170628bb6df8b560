#!/usr/bin/env bash
# Puts into third_party, which git ignores:
#   mujoco   MuJoCo 3.17.0, the library inside the PyPI wheel, checked by digest
#   python   numpy and safetensors, which scripts/read_policy.py and its test use
# A second run does nothing. Needs bash, Python 3 with pip, and the network once.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
version=3.17.0
home="$root/third_party/mujoco"

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64)
    platform=manylinux_2_28_x86_64 library=libmujoco.so.$version link=libmujoco.so
    digest=d66928d86a2d1b601bbaa4dc11db50214d17d5301bb8afd84721313b67ff0874 ;;
  Linux-aarch64)
    platform=manylinux_2_28_aarch64 library=libmujoco.so.$version link=libmujoco.so
    digest=91a70ed9979c383ff1f5c03f25cc2e1280a8254c1a8e558d5dd7f4184f01efc9 ;;
  Darwin-arm64)
    platform=macosx_11_0_arm64 library=libmujoco.$version.dylib link=libmujoco.dylib
    digest=6c324addca24a24a7b0beff2ec49300e9d4481fd8ccd611514ba7ea8e4a5e870 ;;
  *)
    echo "setup: no MuJoCo wheel for $(uname -s) $(uname -m)." \
      "Build without it: cargo build --release --no-default-features" >&2
    exit 1 ;;
esac

have_mujoco() {
  [ "$(cat "$home/digest" 2>/dev/null || true)" = "$digest" ] && [ -e "$home/lib/$link" ]
}
packages="$root/third_party/python"
have_packages() { [ -e "$packages/complete" ]; }
if have_mujoco && have_packages; then
  exit 0
fi

python=$(command -v python3 || true)
if [ -z "$python" ] || ! "$python" -m pip --version >/dev/null 2>&1; then
  echo "setup: Python 3 with pip is needed to fetch MuJoCo" \
    "(or build without it: cargo build --release --no-default-features)" >&2
  exit 1
fi

work=$(mktemp -d)
# Unpacked beside its final place and moved there whole: a run cut off leaves nothing half done.
staging="$root/third_party/.mujoco-$$"
trap 'rm -rf "$work" "$staging"' EXIT

install_mujoco() {
  echo "setup: fetching MuJoCo $version for $platform" >&2
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version 3.11 --implementation cp --abi cp311 --platform "$platform" \
    --dest "$work" "mujoco==$version"
  "$python" - "$work" "$staging" "$digest" "$library" "$link" <<'PY'
import hashlib, os, pathlib, sys, zipfile

work, staging, digest, library, link = sys.argv[1:]
wheel = next(pathlib.Path(work).glob("*.whl"))
found = hashlib.sha256(wheel.read_bytes()).hexdigest()
if found != digest:
    sys.exit(f"setup: {wheel.name} has SHA-256 {found}, expected {digest}: nothing was installed")
lib = pathlib.Path(staging) / "lib"
lib.mkdir(parents=True)
with zipfile.ZipFile(wheel) as archive:
    (lib / library).write_bytes(archive.read(f"mujoco/{library}"))
    for name in archive.namelist():
        if "dist-info/" in name and pathlib.PurePath(name).name.upper().startswith("LICENSE"):
            (pathlib.Path(staging) / "LICENSE").write_bytes(archive.read(name))
os.symlink(library, lib / link)
(pathlib.Path(staging) / "digest").write_text(digest + "\n")
PY
  rm -rf "$home"
  mv "$staging" "$home"
  echo "setup: MuJoCo $version is in third_party/mujoco" >&2
}

install_packages() {
  echo "setup: fetching numpy and safetensors" >&2
  rm -rf "$packages"
  "$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
    --only-binary=:all: --target "$packages" "numpy>=1.26,<3" "safetensors>=0.5,<1"
  touch "$packages/complete"
}

have_mujoco || install_mujoco
have_packages || install_packages

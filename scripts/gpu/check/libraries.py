"""Where the libraries lie that the CUDA programs need, and what machine this is."""
import glob
import os
import platform
import re
import shutil
import site
import subprocess
import sys

# What the linker asks for by number, of CUDA 13, and where it comes from.
NEEDED = {
    "libcuda.so.1": "NVIDIA's driver",
    "libcublas.so.13": "cuBLAS of CUDA 13",
    "libcublasLt.so.13": "cuBLAS of CUDA 13",
    "libcurand.so.10": "cuRAND of CUDA 13",
    "libnvrtc.so.13": "NVRTC of CUDA 13",
}


def loader_folders(environment):
    """The folders that the loader searches: LD_LIBRARY_PATH, its cache, and the usual ones."""
    named = [f for f in environment.get("LD_LIBRARY_PATH", "").split(":") if f]
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    try:
        listed = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        listed = ""
    cached = [os.path.dirname(line.split("=>")[1].strip())
              for line in listed.splitlines() if "=>" in line]
    usual = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64",
             "/usr/lib/wsl/lib", "/usr/local/nvidia/lib64"]
    return list(dict.fromkeys(named + cached + usual))


def toolkit_folders(environment):
    """The library folders of CUDA_HOME, CUDA_PATH and /usr/local/cuda*."""
    homes = [environment[name] for name in ("CUDA_HOME", "CUDA_PATH") if environment.get(name)]
    homes += sorted(glob.glob("/usr/local/cuda*"), reverse=True)
    inside = ("lib64", "lib", "targets/x86_64-linux/lib")
    return [os.path.join(home, part) for home in homes for part in inside]


def python_folders():
    """The library folders of NVIDIA's Python packages: nvidia/*/lib."""
    try:
        packages = site.getsitepackages() + [site.getusersitepackages()]
    except AttributeError:
        packages = []
    packages = list(dict.fromkeys(packages + [path for path in sys.path if path]))
    return [folder for path in packages
            for folder in sorted(glob.glob(os.path.join(path, "nvidia", "*", "lib")))]


def find(names, environment):
    """({name: path}, [name that is nowhere]) of libraries."""
    folders = loader_folders(environment) + toolkit_folders(environment) + python_folders()
    found, missing = {}, []
    for name in names:
        paths = (os.path.join(folder, name) for folder in folders)
        path = next((path for path in paths if os.path.exists(path)), None)
        if path is None:
            missing.append(name)
        else:
            found[name] = path
    return found, missing


def search_path(kit, found, environment):
    """The LD_LIBRARY_PATH with which all that was found is found by the loader, too."""
    folders = [os.path.join(kit, "lib")] + [os.path.dirname(path) for path in found.values()]
    before = environment.get("LD_LIBRARY_PATH", "")
    return ":".join(dict.fromkeys(folders + [f for f in before.split(":") if f]))


def missing_words(missing):
    """What is missing, in words, and what to do about it."""
    words = ", ".join(f"{name} ({NEEDED.get(name, 'named by the program')})" for name in missing)
    advice = []
    if "libcuda.so.1" in missing:
        advice.append("install NVIDIA's driver, 580 or newer for CUDA 13")
    if [name for name in missing if name != "libcuda.so.1"]:
        advice.append("install the CUDA 13 toolkit, or its wheels (pip install nvidia-cublas "
                      "nvidia-curand nvidia-cuda-nvrtc), or name the toolkit by CUDA_HOME")
    return f"missing: {words}; {'; '.join(advice)}"


def too_old_glibc(needed):
    """A sentence where the C library is older than the programs need, else None."""
    try:
        here = os.confstr("CS_GNU_LIBC_VERSION").split()[-1]
    except (ValueError, OSError, AttributeError):
        return None
    numbers = [tuple(map(int, re.findall(r"\d+", version))) for version in (here, needed)]
    if numbers[0] < numbers[1]:
        return f"the programs need glibc {needed}, and this machine has {here}"
    return None


def cards():
    """What nvidia-smi says of each card, or an empty list."""
    names = ["name", "driver_version", "compute_cap", "memory.total", "power.limit"]
    command = ["nvidia-smi", f"--query-gpu={','.join(names)}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode != 0:
        return []
    rows = [line.split(", ") for line in done.stdout.splitlines() if line.strip()]
    return [dict(zip(names, row)) for row in rows]


def facts():
    """This machine, in words."""
    cpu = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            cpu = next(line.split(":", 1)[1].strip() for line in file
                       if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "cpu": cpu,
        "cpu_threads": len(os.sched_getaffinity(0)),
        "os": platform.platform(),
        "python": platform.python_version(),
        "cards": cards(),
    }

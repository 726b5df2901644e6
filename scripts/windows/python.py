"""A genuine Windows CPython under Wine, to run on Linux the code that only Windows runs.

windows-python provision               make it, unless it is there, and print its folder
windows-python run ARGS...             python.exe ARGS..., with its output and its exit status
windows-python tty ARGS...             the same on a true console of 100 columns and 30 lines
windows-python cc SOURCE PROGRAM.exe   compile a Windows program from C; more arguments go to the compiler
windows-python stop                    end every process of this Wine

The interpreter has the project's dependencies, its extras and its `dev` group as pyproject.toml declares them. It is
made again when those change and kept under $XDG_CACHE_HOME/windows-python. WINDOWS_PYTHON_TIMEOUT limits a run to so
many seconds (900); one that takes longer ends with status 124. Inside it the checkout is on drive Z:, which is `/`.
WINDOWS_PYTHON_VERSION says which Python: 3.11, 3.12 or 3.13 (3.11). It needs a Linux Python of the same version.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pty
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import tomllib
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

SOURCES = Path(__file__).resolve().parent
PROJECT = SOURCES.parents[1] / "pyproject.toml"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "windows-python"
TIME_LIMIT = float(os.environ.get("WINDOWS_PYTHON_TIMEOUT") or 900)

VERSION = os.environ.get("WINDOWS_PYTHON_VERSION") or "3.11"
DLL = f"python{VERSION.replace('.', '')}.dll"
# These wheels carry the released interpreters, DLLs and extension modules, as the Python Software Foundation signed
# them. They have no python.exe and no library: one is compiled here, the other copied from a Linux Python.
CARRIER = "panda3d==1.10.16 --hash=sha256:"
CARRIER_HASHES = {
    "3.11": "37acfb92655c4226879f95c988e2ef1449a53c54486d6c1ebc00e2772429af82",
    "3.12": "f6493e2ecc0d1b7c1556a999556e5278cbc9484fe5fe1e159a1ccc02b870b18f",
    "3.13": "0e505261bb58d8402d0099c291f1a3459acfdd38f3e7d666e72aa2e1ea5dc46f",
}
# NumPy calls complex functions that the C runtime of Wine 8 lacks, from 2.1 on as soon as it is imported. For Python
# 3.13 there is no older one: there a C runtime that has them stands before Wine's.
OWN_C_RUNTIME = VERSION not in {"3.11", "3.12"}
CONSTRAINTS = "" if OWN_C_RUNTIME else "numpy<2.1"
WINE_C_RUNTIME = Path("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/ucrtbase.dll")
FOR_WINDOWS = ("--python-platform", "x86_64-pc-windows-msvc", "--python-version", VERSION, "--only-binary", ":all:")

# The library of Polars does not load under Wine, and the attempt alone takes 9.4 GB for good (Polars 2.1, Wine 8).
NOT_UNDER_WINE = ("polars", "polars-runtime-32")

WINE, WINE_SERVER = "wine64", "wineserver64"
COMPILER, STRIP = "x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-strip"
OBJDUMP = "x86_64-w64-mingw32-objdump"
DEBIAN_PACKAGES = {WINE: "wine64", COMPILER: "gcc-mingw-w64-x86-64-win32"}
# Byte code of the checkout: kept, for it doubles the speed of a start, but apart from that of a Linux Python.
OWN_BYTE_CODE = {"PYTHONPYCACHEPREFIX": r"C:\bytecode", "PYTHONDONTWRITEBYTECODE": ""}
# What a Linux session says of itself and Windows does not.
UNIX_VARIABLES = (
    "COLUMNS", "DISPLAY", "LINES", "PYTHONHOME", "PYTHONPATH", "SHELL", "TERM", "TMPDIR", "VIRTUAL_ENV",
)  # fmt: skip


# --- making it --------------------------------------------------------------------------------------------------------


def provision() -> tuple[Path, Path]:
    """Give the Wine prefix and the interpreter's folder, both complete, making what is not there."""
    install_debian_packages()
    recipe = [output(WINE, "--version"), *(path.read_bytes() for path in sorted(SOURCES.iterdir()) if path.is_file())]
    prefix = CACHE / f"prefix-{digest(recipe)}"
    recipe.append(VERSION.encode())
    bare = CACHE / f"bare-{digest(recipe)}"
    python = CACHE / f"python-{digest([*recipe, declared_dependencies()])}"
    if not (prefix.exists() and python.exists()):
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with ThreadPoolExecutor() as pool:
                independent = [pool.submit(make, prefix, make_prefix), pool.submit(make, bare, make_interpreter)]
                for made in independent:
                    made.result()
            make(python, lambda new: make_python(new, bare, prefix))
    return prefix, python


def install_debian_packages() -> None:
    """Install the Debian packages that are missing, or name them."""
    missing = [package for program, package in DEBIAN_PACKAGES.items() if not shutil.which(program)]
    if missing and os.getuid() != 0:
        sys.exit(f"windows-python: install the Debian packages {' and '.join(missing)}, or run this as root")
    if missing:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        do("apt-get", "update", "-qq", env=environment)
        do("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=environment)


def declared_dependencies() -> bytes:
    """Give what pyproject.toml says of dependencies, and nothing else of it."""
    declared = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    project = declared["project"]
    uv_settings = declared.get("tool", {}).get("uv")
    group = declared["dependency-groups"]["dev"]
    return json.dumps([project.get("dependencies"), project.get("optional-dependencies"), group, uv_settings]).encode()


def make_prefix(prefix: Path) -> None:
    """Make Wine's C: drive and registry."""
    environment = wine_environment(prefix)
    silently(WINE_SERVER, "-p30", env=environment)
    silently(WINE, "wineboot", "-i", env=environment)
    silently(WINE, "reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f", env=environment)
    silently(WINE_SERVER, "-k", env=environment)
    silently(WINE_SERVER, "-w", env=environment)
    # Debian's DLLs hold their debug information: without it 695 MB become 164 MB. Some files are no DLLs: no matter.
    files = (path for path in (prefix / "drive_c/windows").rglob("*.*") if path.is_file())
    silently(STRIP, *(str(path) for path in files if path.stat().st_size > 2**16))


def make_interpreter(python: Path) -> None:
    """Put together python.exe, its DLLs, its extension modules and its library."""
    (python / "DLLs").mkdir()
    with tempfile.TemporaryDirectory(dir=CACHE) as wheel:
        install_for_windows(CARRIER + CARRIER_HASHES[VERSION], Path(wheel))
        for path in (Path(wheel) / "deploy_libs").iterdir():
            if path.name.startswith(("python", "vcruntime")):
                shutil.copy2(path, python)
            elif not path.name.startswith(("api-ms-", "_tkinter", "tcl", "tk")):
                shutil.copy2(path, python / "DLLs")
    # The library of a Linux Python of the same minor version: its pure part is the same everywhere.
    library = output(linux_python(), "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))").decode().strip()
    unwanted = shutil.ignore_patterns(
        "site-packages", "dist-packages", "lib-dynload", "config-*", "_sysconfigdata*", "*.so", "*.a", "__pycache__",
        "test", "tests", "idlelib", "turtledemo", "tkinter", "ensurepip", "lib2to3",
    )  # fmt: skip
    shutil.copytree(library, python / "Lib", ignore=unwanted)
    compile_python(python / "Lib")
    compile_c(SOURCES / "python.c", python / "python.exe", "-municode", f'-DPYTHON_DLL=L"{DLL}"')
    compile_c(SOURCES / "bcryptprimitives.c", python / "bcryptprimitives.dll", "-shared", "-ladvapi32")
    shutil.copy2(SOURCES / "python.exe.manifest", python)
    if OWN_C_RUNTIME:
        make_c_runtime(python)


def make_c_runtime(python: Path) -> None:
    """Put a C runtime beside python.exe that has the complex functions, and Wine's own under another name behind it."""
    wines = bytearray(WINE_C_RUNTIME.read_bytes())
    wines[64:80] = bytes(16)  # without this mark Wine loads it like a DLL of a program
    (python / "ucrtbase_wine.dll").write_bytes(wines)
    ours = sorted(re.findall(r"^COMPLEX\w*\((\w+)", (SOURCES / "ucrtbase.c").read_text(), re.MULTILINE))
    ours = [name + suffix for name in ours for suffix in ("", "f", "l")]
    table = output(OBJDUMP, "-p", str(WINE_C_RUNTIME)).decode()
    table = table[table.index("[Ordinal/Name Pointer] Table") :].split("\n\n")[0]
    wines_names = {line.split()[-1] for line in table.splitlines()[1:]}
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        exports = Path(folder) / "ucrtbase.def"
        lines = [f'"{name}" = "own_{name}"' for name in ours]
        lines += [f'"{name}" = "ucrtbase_wine.{name}"' for name in sorted(wines_names.difference(ours))]
        exports.write_text("\n".join(["LIBRARY ucrtbase.dll", "EXPORTS", *lines, ""]))
        compile_c(SOURCES / "ucrtbase.c", python / "ucrtbase.dll", "-shared", str(exports))


def make_python(python: Path, bare: Path, prefix: Path) -> None:
    """Join the interpreter and what the project declares, and see that it starts."""
    shutil.copytree(bare, python, copy_function=os.link, dirs_exist_ok=True)
    packages = python / "Lib/site-packages"
    install_for_windows(resolved_dependencies(), packages)
    compile_python(packages)
    wake(prefix)
    command = (WINE, str(python / "python.exe"), "-c", "print('ready')")
    environment = wine_environment(prefix)
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.stdout.strip() != b"ready":
        sys.exit(f"windows-python: the interpreter does not start: {done.stderr.decode(errors='replace')}")


def resolved_dependencies() -> str:
    """Give every package the project needs on Windows, with its version and hashes."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(CONSTRAINTS)
        inputs = ("--all-extras", "--group", f"{PROJECT}:dev", "--constraint", str(constraints), str(PROJECT))
        form = ("--generate-hashes", "--no-header", "--no-annotate")
        without = [f"--no-emit-package={name}" for name in NOT_UNDER_WINE]
        return output(uv(), "pip", "compile", "-q", *FOR_WINDOWS, *form, *without, *inputs).decode()


def install_for_windows(requirements: str, folder: Path) -> None:
    """Install wheels for Windows, each of the hash that is asked for."""
    with tempfile.NamedTemporaryFile("w", dir=CACHE, suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        where = ("--python", linux_python(), "--target", str(folder))
        do(uv(), "pip", "install", "-q", "--no-deps", "--require-hashes", *FOR_WINDOWS, *where, "-r", file.name)


def uv() -> str:
    """Give the path of uv, fetching it into the cache if the machine has none."""
    own = CACHE / "uv"
    if not (found := shutil.which("uv") or shutil.which(own / "bin/uv")):
        do(sys.executable, "-m", "pip", "install", "-q", "--target", str(own), "uv")
        found = str(own / "bin/uv")
    return found


def linux_python() -> str:
    """Give the path of a Linux Python of the same minor version."""
    found = subprocess.run(
        (uv(), "python", "find", VERSION), capture_output=True, text=True, check=False
    ).stdout.strip()
    if not found:  # pyenv's own programs in PATH start only the version that is chosen
        versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
        found = str(next(versions.glob(f"{VERSION}.*/bin/python3"), ""))
    if not found:
        sys.exit(f"windows-python: install a Python {VERSION} for Linux; its library serves the Windows one")
    return found


def compile_python(folder: Path) -> None:
    """Write byte code beside every module, whatever the environment says of it; templates in it need not compile."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    silently(linux_python(), "-m", "compileall", "-q", "-j0", str(folder), env=environment)


def compile_c(source: Path, program: Path, *arguments: str) -> None:
    """Compile a Windows program that needs no DLL of the compiler's."""
    flags = ("-std=gnu11", "-O2", "-s", "-static-libgcc", "-Wall", "-Wextra", "-Werror")
    do(COMPILER, *flags, "-o", str(program), str(source), *arguments)


def make(folder: Path, fill: Callable[[Path], None]) -> None:
    """Make a folder, unless it is there, under a name that it gets only once it is complete."""
    if not folder.exists():
        new = Path(tempfile.mkdtemp(dir=CACHE, prefix="new-"))
        try:
            fill(new)
            new.rename(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def digest(inputs: Sequence[bytes]) -> str:
    """Give a short name for these inputs."""
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in inputs)).hexdigest()[:16]


# --- running it -------------------------------------------------------------------------------------------------------


def run(arguments: Sequence[str]) -> int:
    """Run python.exe on pipes, pass on its output and our signals, and give its exit status.

    CPython under Wine does not start where a standard handle is a regular file or closed, as in the log of a CI job:
    so it always gets pipes. Standard input is passed on if it is a pipe, else it is empty.
    """
    prefix, python = provision()
    wake(prefix)
    this_run = {"WINDOWS_PYTHON_RUN": str(uuid.uuid4())}
    piped = stat.S_ISFIFO(os.fstat(0).st_mode)
    joined = os.path.sameopenfile(1, 2)
    process = subprocess.Popen(
        (WINE, str(python / "python.exe"), *arguments),
        stdin=None if piped else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if joined else subprocess.PIPE,
        env=wine_environment(prefix) | OWN_BYTE_CODE | this_run,
        start_new_session=True,  # a terminal's Ctrl-C comes to us, and goes on once
    )

    def pass_on(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    signal.signal(signal.SIGINT, pass_on)
    signal.signal(signal.SIGTERM, pass_on)
    pumps = [
        threading.Thread(target=pump, args=(source, target), daemon=True)
        for source, target in ((process.stdout, 1), (process.stderr, 2))
        if source
    ]
    for thread in pumps:
        thread.start()
    try:
        status = process.wait(TIME_LIMIT)
    except subprocess.TimeoutExpired:
        print(f"windows-python: ended after {TIME_LIMIT:g} s", file=sys.stderr)
        status = 124
    end_processes(this_run)
    for thread in pumps:
        thread.join(5)
    return status if status >= 0 else 128 - status


def end_processes(this_run: dict[str, str]) -> None:
    """End what is left of a run; a process that Wine starts is in no group of its parent, but has its environment."""
    [mark] = (f"{name}={value}".encode() for name, value in this_run.items())
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is not ours
            if mark in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)


def pump(source: IO[bytes], target: int) -> None:
    """Pass on what comes, as it comes; where nobody listens any more, let the writer know."""
    with source, contextlib.suppress(BrokenPipeError):
        while data := os.read(source.fileno(), 2**16):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(target, rest) :]


def run_on_a_terminal(arguments: Sequence[str]) -> int:
    """Run python.exe on a pseudo-terminal, which is a true console to it, and give its exit status."""
    prefix, python = provision()
    wake(prefix)
    environment = wine_environment(prefix) | OWN_BYTE_CODE
    os.environ.clear()
    os.environ.update(environment)
    sized = ("sh", "-c", 'stty columns 100 rows 30; exec "$@"', "sh")
    limited = ("timeout", "--foreground", "--kill-after=5", f"{TIME_LIMIT:g}")
    return os.waitstatus_to_exitcode(pty.spawn((*sized, *limited, WINE, str(python / "python.exe"), *arguments)))


def wake(prefix: Path) -> None:
    """Start Wine's server and services before the run: they would inherit the run's pipes and hold them for seconds."""
    silently(WINE_SERVER, "-p60", env=wine_environment(prefix))
    silently(WINE, "cmd", "/c", "exit", env=wine_environment(prefix))


def wine_environment(prefix: Path) -> dict[str, str]:
    """Give the environment of a process in this Wine."""
    inherited = {name: value for name, value in os.environ.items() if name not in UNIX_VARIABLES}
    return inherited | {
        "WINEPREFIX": str(prefix),
        "WINEARCH": "win64",
        "WINEDEBUG": os.environ.get("WINEDEBUG", "-all"),
        "WINEDLLOVERRIDES": f"mscoree=d;mshtml=d;winemenubuilder.exe=d{';ucrtbase=n,b' if OWN_C_RUNTIME else ''}",
        "LC_ALL": "C.UTF-8",  # in the C locale, paths that are not ASCII are mangled
    }


# --- processes --------------------------------------------------------------------------------------------------------


def do(*command: str, env: dict[str, str] | None = None) -> None:
    """Run a command that has to succeed; what it says goes to standard error."""
    subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=2, check=True)


def silently(*command: str, env: dict[str, str] | None = None) -> None:
    """Run a command whose output and exit status are of no interest."""
    null = subprocess.DEVNULL
    subprocess.run(command, env=env, stdin=null, stdout=null, stderr=null, check=False)


def output(*command: str) -> bytes:
    """Give what a command that has to succeed says on standard output."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and give the exit status."""
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/lib/wine"
    with contextlib.suppress(OSError):
        while os.open(os.devnull, os.O_RDWR) <= 2:  # a standard stream that was closed
            pass
    if VERSION not in CARRIER_HASHES:
        sys.exit(f"windows-python: unknown WINDOWS_PYTHON_VERSION={VERSION}; known are {', '.join(CARRIER_HASHES)}")
    match arguments:
        case ["provision"]:
            print(provision()[1])
        case ["run", *rest]:
            return run(rest)
        case ["tty", *rest]:
            return run_on_a_terminal(rest)
        case ["cc", source, program, *rest]:
            install_debian_packages()
            compile_c(Path(source), Path(program), *rest)
        case ["stop"]:
            for prefix in CACHE.glob("prefix-*"):
                silently(WINE_SERVER, "-k", env=wine_environment(prefix))
        case _:
            print(__doc__)
            return 64
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"windows-python: {error}")

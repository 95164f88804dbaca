"""Runs programs for Windows with Wine, whose files are in a folder of the target directory."""

import re

from tools.cross_toolchain import HOME
from tools.steps import call

WINE = "/usr/lib/wine/wine64"
GCC = "x86_64-w64-mingw32-gcc"
PREFIX = HOME / "wine"
ENVIRONMENT = {
    "WINEPREFIX": str(PREFIX),
    "WINEDEBUG": "-all",
    # Wine would offer to install a debugger and a browser.
    "WINEDLLOVERRIDES": "winedbg.exe=d;mscoree=d;mshtml=d",
    # Windows does not truncate a mapped file. A test has this machine do it.
    "SAFEMAP_DRIVE_C": str(PREFIX / "drive_c"),
}

# Rust's standard library gets random numbers from `ProcessPrng`, which Wine 8 lacks.
PRNG = """
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count) {
    while (count) {
        ULONG some = count > 0x10000000 ? 0x10000000 : (ULONG)count;
        if (!RtlGenRandom(bytes, some)) return FALSE;
        bytes += some;
        count -= some;
    }
    return TRUE;
}

BOOL WINAPI DllMainCRTStartup(HINSTANCE library, DWORD reason, LPVOID reserved) { return TRUE; }
"""


def ready(steps):
    """Makes Wine's folder, once; returns whether it is complete."""
    done = PREFIX / "complete"
    if not done.exists():
        PREFIX.mkdir(parents=True, exist_ok=True)
        booted = steps.run("wineboot", [WINE, "wineboot", "--init"], ENVIRONMENT).ok
        if booted and has_random_numbers(steps):
            done.touch()
    return done.exists()


def has_random_numbers(steps):
    """Builds `bcryptprimitives.dll` if this Wine has none."""
    library = PREFIX / "drive_c" / "windows" / "system32" / "bcryptprimitives.dll"
    if library.exists():
        return True
    source = PREFIX / "prng.c"
    source.write_text(PRNG)
    command = [GCC, "-O2", "-shared", "-nostartfiles", "-o", library, source, "-ladvapi32"]
    return steps.run(library.name, command).ok


def version():
    """The version of Wine: `Wine 8.0`."""
    found = re.match(r"wine-(\S+)", call([WINE, "--version"]).text)
    return "Wine " + found.group(1) if found else "Wine"


def path(host):
    """The path of a file of this machine, for a program under Wine."""
    return "Z:" + str(host)

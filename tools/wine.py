"""Wine: a Windows of our own in a folder, to run its programs."""

from tools import sysroot

WINE = "/usr/lib/wine/wine64"
GCC = "x86_64-w64-mingw32-gcc"

# What Rust's standard library takes its randomness from, and Wine 8 lacks.
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


def prefix():
    """The folder that Wine takes for a computer."""
    return sysroot.HOME / "wine"


def environment():
    """What Wine needs to know."""
    # Neither a debugger nor a browser is to be offered.
    overrides = "winedbg.exe=d;mscoree=d;mshtml=d"
    return {"WINEPREFIX": str(prefix()), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": overrides}


def ready(steps):
    """Sets the folder up, once; whether it is there."""
    done = prefix() / "complete"
    if done.exists():
        return True
    prefix().mkdir(parents=True, exist_ok=True)
    made = steps.run("wineboot", [WINE, "wineboot", "--init"], environment()).ok and has_randomness(steps)
    if made:
        done.touch()
    return made


def has_randomness(steps):
    """Builds `bcryptprimitives.dll` if this Wine has none."""
    library = prefix() / "drive_c" / "windows" / "system32" / "bcryptprimitives.dll"
    if library.exists():
        return True
    source = prefix() / "prng.c"
    source.write_text(PRNG)
    command = [GCC, "-O2", "-shared", "-nostartfiles", "-o", library, source, "-ladvapi32"]
    return steps.run(library.name, command).ok

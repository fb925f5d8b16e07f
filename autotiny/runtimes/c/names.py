"""Names that C code may have: its files, its CMake target and everything it exports carry them."""

import re

from autotiny.errors import InputError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,40}")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEYWORDS = _words(
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long register restrict return short signed sizeof static struct switch typedef "
    "union unsigned void volatile while main"
)
#: ``NAME.h`` would be found in place of these, or they in place of it: headers of C and C++, those
#: that glibc, newlib, avr-libc, gcc and clang read with them, and those of Arduino's core.
_HEADERS = _words(
    "alloca arm_mve assert auto_ptr backward_warning binders complex ctype endian errno fcntl "
    "features fenv float inttypes iso646 libintl limits locale malloc math newlib pthread reent "
    "sched setjmp signal stdalign stdarg stdatomic stdbit stdbool stdckdint stddef stdint stdio "
    "stdlib stdnoreturn string strings syslimits tgmath threads time uchar unistd wchar wctype "
    "abi arduino binary client getopt hardwareserial hardwareserial_private ipaddress memory new "
    "pins_arduino print printable server stream udp usbapi usbcore usbdesc "
    "wiring_private wstring xlocale"
)
#: CMake keeps these for targets of its own, with CTest and with CPack.
_TARGETS = _words(
    "all all_build clean edit_cache help install package package_source preinstall rebuild_cache "
    "run_tests test zero_check"
)
#: Who links these wants the system's library, and would get the model.
_LIBRARIES = _words("c dl gcc m pthread rt")
#: What a name collides with; upper and lower case are one, as they are in many file systems.
_TAKEN = (
    (_HEADERS, "the header {}.h of the system"),
    (_TARGETS, "the target {} of CMake"),
    (_LIBRARIES, "the library {} of the system"),
)


def checked_name(name: str) -> str:
    """Return the value of ``--name``.

    Raises:
        InputError: If it is no C identifier, or something else in a build has that name.
    """
    if not _NAME.fullmatch(name) or name in _KEYWORDS:
        raise InputError(
            "--name must be a C identifier of letters, digits and underscores that begins with a "
            f"letter, 41 at the most, and no keyword; got {name!r}."
        )
    if owner := _owner(name):
        raise InputError(
            f"--name must be nobody else's in a build; {name!r} collides with {owner}: take "
            f"another, such as {free_name(name)}."
        )
    return name


def free_name(name: str) -> str:
    """Return the name, or a longer one where something else in a build has it."""
    return f"{name}_model" if _owner(name) or name in _KEYWORDS else name


def _owner(name: str) -> str:
    """Return what else has a name; empty if nothing."""
    lower = name.lower()
    return next((what.format(lower) for names, what in _TAKEN if lower in names), "")

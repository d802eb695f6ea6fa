"""Names that Linux gave: signals and capabilities. Engines refuse others, some of them only when it is too late."""

from __future__ import annotations

_SIGNALS = """
HUP INT QUIT ILL TRAP ABRT IOT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CLD CONT STOP TSTP TTIN TTOU URG XCPU
XFSZ VTALRM PROF WINCH IO POLL PWR SYS RTMIN RTMAX
"""
_CAPABILITIES = """
AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID
IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW
PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO
SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM
"""

_REAL_TIME = (*(f"RTMIN+{number}" for number in range(1, 16)), *(f"RTMAX-{number}" for number in range(1, 15)))
"""Capabilities that Docker has words for."""

SIGNALS = frozenset(f"SIG{name}" for name in (*_SIGNALS.split(), *_REAL_TIME))
"""signal(7)."""
LAST_SIGNAL = 64
CAPABILITIES = frozenset(f"CAP_{name}" for name in _CAPABILITIES.split())
"""capabilities(7)."""
LONGEST_HOST_NAME = 63
"""A label of a domain name; the kernel takes one character more."""


def is_signal(text: str) -> bool:
    """Whether a text is the name or the number of a signal."""
    return text in SIGNALS or (text.isascii() and text.isdecimal() and 1 <= int(text) <= LAST_SIGNAL)

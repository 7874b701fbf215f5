"""The program that holds a pod's namespaces, as machine code: no compiler, no download, 200 bytes.

It must do three things as process 1 of a pod: sleep, end at once on SIGTERM or SIGINT, and reap
orphans when containers share its process namespace. Process 1 never gets a signal it has no handler
for, but blocked signals are queued for it all the same, so the program blocks the three signals it
cares about and waits for them with rt_sigtimedwait: no handlers, no restorer, no libc.

    block {SIGINT, SIGTERM, SIGCHLD}
    wait:  signal = rt_sigtimedwait({...}, NULL, NULL)
           SIGCHLD: while (wait4(-1, NULL, WNOHANG, NULL) > 0);  goto wait
           error (interrupted): goto wait
           exit_group(0)
"""

from __future__ import annotations

import struct

_X86_64 = """
    68 02 40 01 00      push   $0x14002       # 1<<(SIGINT-1) | 1<<(SIGTERM-1) | 1<<(SIGCHLD-1)
    31 ff               xor    %edi,%edi      # SIG_BLOCK
    48 89 e6            mov    %rsp,%rsi
    31 d2               xor    %edx,%edx
    6a 08               push   $8             # sizeof(sigset_t)
    41 5a               pop    %r10
    6a 0e               push   $14            # rt_sigprocmask
    58                  pop    %rax
    0f 05               syscall
    48 89 e7            mov    %rsp,%rdi      # wait:
    31 f6               xor    %esi,%esi
    31 d2               xor    %edx,%edx
    6a 08               push   $8
    41 5a               pop    %r10
    b8 80 00 00 00      mov    $128,%eax      # rt_sigtimedwait
    0f 05               syscall
    83 f8 11            cmp    $17,%eax       # SIGCHLD
    74 0d               je     reap
    85 c0               test   %eax,%eax
    78 e5               js     wait
    31 ff               xor    %edi,%edi
    b8 e7 00 00 00      mov    $231,%eax      # exit_group
    0f 05               syscall
    6a ff               push   $-1            # reap:
    5f                  pop    %rdi
    31 f6               xor    %esi,%esi
    6a 01               push   $1             # WNOHANG
    5a                  pop    %rdx
    45 31 d2            xor    %r10d,%r10d
    6a 3d               push   $61            # wait4
    58                  pop    %rax
    0f 05               syscall
    85 c0               test   %eax,%eax
    7f ec               jg     reap
    eb c6               jmp    wait
"""

_AARCH64 = """
    d2880049            mov    x9, #0x4002
    f2a00029            movk   x9, #0x1, lsl #16
    f81f0fe9            str    x9, [sp, #-16]!
    d2800000            mov    x0, #0         # SIG_BLOCK
    910003e1            mov    x1, sp
    d2800002            mov    x2, #0
    d2800103            mov    x3, #8
    d28010e8            mov    x8, #135       # rt_sigprocmask
    d4000001            svc    #0
    910003e0            mov    x0, sp         # wait:
    d2800001            mov    x1, #0
    d2800002            mov    x2, #0
    d2800103            mov    x3, #8
    d2801128            mov    x8, #137       # rt_sigtimedwait
    d4000001            svc    #0
    7100441f            cmp    w0, #17        # SIGCHLD
    540000a0            b.eq   reap
    37ffff00            tbnz   w0, #31, wait
    d2800000            mov    x0, #0
    d2800bc8            mov    x8, #94        # exit_group
    d4000001            svc    #0
    92800000            mov    x0, #-1        # reap:
    d2800001            mov    x1, #0
    d2800022            mov    x2, #1         # WNOHANG
    d2800003            mov    x3, #0
    d2802088            mov    x8, #260       # wait4
    d4000001            svc    #0
    7100001f            cmp    w0, #0
    54ffff2c            b.gt   reap
    17ffffec            b      wait
"""

_BASE = 0x400000
_HEADERS = 64 + 56


def _bytes_of(listing: str) -> bytes:
    """The first column of a listing: bytes as they lie in memory."""
    return b"".join(bytes.fromhex(line[:20]) for line in listing.strip("\n").splitlines())


def _words_of(listing: str) -> bytes:
    """The first column of a listing: 32-bit little-endian instruction words."""
    words = (int(line.split()[0], 16) for line in listing.strip("\n").splitlines())
    return b"".join(struct.pack("<I", word) for word in words)


_MACHINES = {"x86_64": (62, _X86_64, _bytes_of), "aarch64": (183, _AARCH64, _words_of)}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""`uname -m` to the name that images use."""


def pause_elf(machine: str) -> bytes:
    """A static ELF executable for `machine` (as `uname -m` says it); KeyError for an unknown one."""
    number, listing, encode = _MACHINES[machine]
    code = encode(listing)
    size = _HEADERS + len(code)
    ident = b"\x7fELF" + bytes((2, 1, 1, 0)) + bytes(8)  # 64 bit, little endian, version 1, System V
    header = struct.pack("<HHIQQQIHHHHHH", 2, number, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)  # PT_LOAD, read+execute
    return ident + header + segment + code

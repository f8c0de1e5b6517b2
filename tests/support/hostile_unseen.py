"""More hostile programs, see `hostile_programs`: waits on others, names, devices, leftovers, own memory."""

from __future__ import annotations

TEXT = r"""
### wait_for_the_lock_of_canary
def waits(owner, operation):
    word = ctypes.c_uint32(owner)
    for soon in (struct.pack("qq", 0, 1), struct.pack("qq", int(time.time()), 0)):
        libc.syscall(ctypes.c_long(a["calls"]["futex"]), ctypes.byref(word), operation, 0, soon, None, 0)
        yield ctypes.get_errno()
for operation in (6, 13, 6 | 128, 13 | 128):
    if [*waits(a["canary"], operation)] != [*waits(4194302, operation)]: escaped()
respond("nothing to tell")
### lock_that_canary_holds
for operation in (8, 8 | 128):
    word = ctypes.c_uint32(a["canary"])
    call("futex", ctypes.byref(word), operation, 0, None, None, 0)
escaped()
### requeue_to_the_lock_of_canary
first, second = ctypes.c_uint32(0), ctypes.c_uint32(a["canary"])
call("futex", ctypes.byref(first), 12, 1, ctypes.c_long(1), ctypes.byref(second), 0); escaped()
### timer_that_signals_canary
event = struct.pack("qiii", 0, signal.SIGTERM, 4, a["canary"]) + bytes(48)
must_fail("timer_create", 1, event, ctypes.create_string_buffer(8))
### wait_for_canary
found = ctypes.create_string_buffer(128)
for kind, who in ((1, a["canary"]), (0, 0), (2, os.getpgrp())):
    try: call("waitid", kind, who, found, 4 | 1 | 0x01000000 | 0x40000000, None); escaped()
    except OSError: pass
respond("no child")
### traced_by_its_parent
call("ptrace", 0, 0, 0, 0); escaped()
### odd_settings_of_a_process
for option in (1, 8, 26, 29, 31, 33, 35, 36, 53, 57, 59, 65, 0x59616D61):
    if libc.syscall(a["calls"]["prctl"], ctypes.c_long(option), ctypes.c_long(0), 1, 0, 0) >= 0: escaped()
respond("refused")
### spawned_by_the_c_library
os.posix_spawn("/bin/sh", ["sh", "-c", "echo >> " + a["secret"]], {}); escaped()
### terminal_with_a_child
pid, terminal = os.forkpty(); escaped()
### link_by_a_descriptor
import shutil
f = os.open(a["secret"], os.O_PATH)
try: call("linkat", f, b"", -100, b"mine", 0x1000)
except OSError: call("linkat", -100, b"/proc/self/fd/%d" % f, -100, b"mine", 0x400)
respond(open("mine").read())
### read_by_a_descriptor_of_a_path
f, g = os.open(a["secret"], os.O_PATH), os.open("mine", os.O_CREAT | os.O_RDWR)
for read in (lambda: os.sendfile(g, f, 0, 99), lambda: os.copy_file_range(f, g, 99), lambda: os.pread(f, 99, 0)):
    try: read()
    except OSError: pass
respond(os.pread(g, 99, 0).decode() or "nothing")
### another_name_for_the_interpreter
os.link(os.__file__, "mine"); escaped()
### compiled_files_of_the_interpreter
import importlib.util
open(importlib.util.cache_from_source(os.__file__), "r+b"); escaped()
### files_that_a_python_would_load
evil = "import os; open(%r, 'a').write('x')" % a["secret"]
for name in ("evil.pth", "sitecustomize.py", "usercustomize.py", "json.py", "numpy.py", "encodings/__init__.py"):
    for folder in (".", "lib/python3/site-packages", ".local/lib/python%d.%d/site-packages" % sys.version_info[:2]):
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        open(os.path.join(folder, name), "w").write(evil)
open("pyvenv.cfg", "w").write("home = ."); respond("written")
### work_folder_that_moves
here = os.getcwd()
for act in (lambda: os.rename(here, here + "-moved"), lambda: os.rename(here, "../other"), lambda: os.rmdir(here)):
    try: act(); os.symlink(os.path.dirname(a["secret"]), here)
    except OSError: pass
open("x", "w").write("x"); respond("still here")
### links_that_are_left_behind
outside = os.path.dirname(a["secret"])
os.makedirs("d/e"); os.symlink(outside, "d/e/folder"); os.symlink(a["secret"], "d/file"); os.symlink("..", "d/e/up")
os.symlink("loop", "loop"); respond("left")
### folder_and_link_that_change_places
outside = os.path.dirname(a["secret"]); os.makedirs("d/e"); os.symlink(outside, "link"); end = time.monotonic() + 0.5
open("d/secret", "w").write("x")
def swap():
    while time.monotonic() < end: call("renameat2", -100, b"d", -100, b"link", 2)
for _ in range(3): threading.Thread(target=swap).start()
time.sleep(0.6); respond("swapped")
### work_after_the_answer
respond("early")
def go_on():
    for i in range(10_000): open(f"f{i % 9}", "ab").write(bytes(1 << 20))
threading.Thread(target=go_on).start()
### named_shared_memory
if libc.shm_open(b"/tunewise-test", os.O_CREAT | os.O_RDWR, 0o600) >= 0: libc.shm_unlink(b"/tunewise-test"); escaped()
raise OSError(ctypes.get_errno(), "shm_open")
### named_semaphore
libc.sem_open.restype = ctypes.c_void_p
if libc.sem_open(b"/tunewise-test", os.O_CREAT, 0o600, 1): libc.sem_unlink(b"/tunewise-test"); escaped()
raise OSError(ctypes.get_errno(), "sem_open")
### shared_memory_of_python
from multiprocessing.shared_memory import SharedMemory
made = SharedMemory(create=True, size=4096); made.unlink(); escaped()
### devices_of_the_kernel
for name in ("userfaultfd", "kvm", "fuse", "ptmx", "net/tun", "vhost-net", "uinput", "mem", "kmsg", "loop-control"):
    try: os.open("/dev/" + name, os.O_RDWR)
    except OSError: pass
    else: escaped()
respond("refused")
### terminal_by_its_name
for name in ("tty", "console", "tty0", "pts/0", "pts/ptmx"):
    try: f = os.open("/dev/" + name, os.O_RDWR | os.O_NOCTTY)
    except OSError: pass
    else:
        import fcntl
        if os.isatty(f): fcntl.ioctl(f, 0x5412, b"x"); escaped()
respond("none")
### control_groups
for act in (lambda: open("/sys/fs/cgroup/cgroup.procs", "w").write("0"), lambda: os.mkdir("/sys/fs/cgroup/mine"),
            lambda: open("/proc/self/oom_score_adj", "w").write("-1000"), lambda: open("/proc/sysrq-trigger", "w")):
    try: act(); escaped()
    except OSError: pass
respond("refused")
### environment_by_threads
found = []
for name in ("thread-self/environ", "self/task/%d/environ" % os.getpid(), "%d/environ" % a["parent"], "1/environ"):
    try: found.append(open("/proc/" + name, "rb").read().decode("latin1"))
    except OSError: pass
respond(found)
### whatever_lies_in_own_memory
import re
page, found, seen = 4096, set(), ctypes.create_string_buffer(1)
libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
stack = ctypes.c_void_p.in_dll(libc, "environ").value
libc.sbrk.restype = ctypes.c_void_p
starts = [id([]), id("x" * 9), ctypes.addressof(seen), stack, libc.sbrk(0) - 1, id(object)]
for start in starts:
    for way in (page, -page):
        at = start // page * page
        for _ in range(4000):
            if libc.mincore(at, page, seen): break
            r, w = os.pipe()
            try: os.write(w, (ctypes.c_char * page).from_address(at))
            except OSError: break
            else: found.update(re.findall(rb"[0-9a-f]{32}", os.read(r, page)))
            finally: os.close(r); os.close(w)
            at += way
respond([each.decode() for each in found][:20_000])
### streams_that_do_not_wait
import fcntl
for f in (0, 1, 2, 3): fcntl.fcntl(f, fcntl.F_SETFL, fcntl.fcntl(f, fcntl.F_GETFL) | os.O_NONBLOCK | 0o20000)
print("x" * 5000); respond("told")
### many_watches_of_descriptors
import select
polls = [select.epoll() for _ in range(60)]
pipes = [os.pipe() for _ in range(500)]
for each in polls:
    for r, w in pipes: each.register(r); each.register(w)
escaped()
### many_long_links
try:
    for i in range(1_000_000): os.symlink("x" * 4000, f"{i}")
except OSError as error: raise OSError(error.errno, os.strerror(error.errno)) from None
### log_of_the_kernel
must_fail("syslog", 3, ctypes.create_string_buffer(4096), 4096)
### poisoned_memory
import mmap
found = mmap.mmap(-1, 1 << 16); found[:] = bytes(1 << 16)
address = ctypes.addressof(ctypes.c_char.from_buffer(found))
for advice in (100, 101):
    try: call("madvise", ctypes.c_void_p(address), ctypes.c_long(4096), advice); escaped()
    except OSError: pass
respond("refused")
"""

ENDS = {
    "traced_by_its_parent": "only an attack",
    **dict.fromkeys(("lock_that_canary_holds", "requeue_to_the_lock_of_canary"), "not implemented|Errno 38"),
    **dict.fromkeys(("spawned_by_the_c_library", "log_of_the_kernel"), "PermissionError"),
    "terminal_with_a_child": "PermissionError|FileNotFoundError",
    "many_watches_of_descriptors": "Too many open files",
    "many_long_links": "MiB of files|No space left",
}

NAMES = [line.removeprefix("### ") for line in TEXT.splitlines() if line.startswith("### ")]

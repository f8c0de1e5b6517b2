"""More hostile programs, see `hostile_programs`: ways past a bound by threads, waiting, attributes."""

from __future__ import annotations

TEXT = r"""
### files_in_a_table_of_a_thread
def hold():
    try: call("close_range", 1 << 20, 1 << 21, 2)  # a table of descriptors of its own
    except OSError: return respond("refused")
    kept = []
    for i in range(50):
        f = os.open(f"f{threading.get_native_id()}", os.O_CREAT | os.O_RDWR); os.write(f, bytes(4 << 20))
        os.unlink(f"f{threading.get_native_id()}"); kept.append(f)
    time.sleep(0.7); escaped()
t = threading.Thread(target=hold); t.start(); t.join()
### descriptors_of_many_tables
opened = []
def hold():
    try: call("close_range", 1 << 20, 1 << 21, 2)
    except OSError: return
    for i in range(200): opened.append(os.open("f", os.O_CREAT | os.O_RDWR))
    time.sleep(0.5)
kept = [threading.Thread(target=hold) for _ in range(9)]
for t in kept: t.start()
for t in kept: t.join()
escaped() if len(opened) > 1024 else respond("refused")
### thread_with_other_files
libc.mmap.restype = ctypes.c_void_p
page = libc.mmap(None, ctypes.c_size_t(1 << 20), 7, 0x22, -1, ctypes.c_long(0))
code = bytes.fromhex("b8380000000f0585c07401c331ffb83c0000000f05")  # clone; the parent returns, the child ends
if os.uname().machine == "x86_64":
    ctypes.memmove(page, code, len(code))
    clone = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, ctypes.c_void_p)(page)
    if clone(0x100 | 0x800 | 0x10000, page + (1 << 19)) > 0: escaped()  # memory, signals, thread: not the files
### leader_that_leaves
def hold():
    time.sleep(0.1); kept = []
    try:
        for i in range(50):
            f = os.open("f", os.O_CREAT | os.O_RDWR); os.write(f, bytes(4 << 20)); os.unlink("f"); kept.append(f)
            time.sleep(0.01)
        time.sleep(0.7); escaped()
    except OSError: respond("full")
    os._exit(0)
threading.Thread(target=hold).start()
libc.syscall(a["calls"]["exit"], 0)
### threads_of_a_leader_that_leaves
def hold():
    time.sleep(0.2)
    try:
        for i in range(60): threading.Thread(target=time.sleep, args=(2,)).start()
        time.sleep(1); escaped()
    except RuntimeError: respond("refused")
    os._exit(0)
threading.Thread(target=hold).start()
libc.syscall(a["calls"]["exit"], 0)
### files_in_calls_that_wait
def send(w, f):
    while True: os.sendfile(w, f, 0, 4 << 20)
for i in range(12):
    r, w = os.pipe(); f = os.open("f", os.O_CREAT | os.O_RDWR); os.write(f, bytes(7 << 20)); os.unlink("f")
    t = threading.Thread(target=send, args=(w, f), daemon=True); t.start(); time.sleep(0.02)
    if not t.is_alive(): raise PermissionError("sendfile")
    os.close(f)
time.sleep(0.7); escaped(); os._exit(0)
### reserve_by_ioctl
import fcntl
f = os.open("f", os.O_CREAT | os.O_RDWR)
for request in (0x40305828, 0x4030582A, 0x40305839):
    try: fcntl.ioctl(f, request, struct.pack("hhqqii16x", 0, 0, 0, 1 << 20, 0, 0))
    except OSError: pass
escaped() if os.fstat(f).st_blocks else respond("refused")
### holes_in_a_file
f = os.open("f", os.O_CREAT | os.O_RDWR); os.write(f, bytes(1 << 20))
must_fail("fallocate", f, 3, 0, 4096)
### clone_the_interpreter_into_a_file
import fcntl
f = os.open("f", os.O_CREAT | os.O_RDWR)
fcntl.ioctl(f, 0x40049409, os.open(os.__file__, os.O_RDONLY)); escaped()
### file_that_cannot_be_removed
import fcntl
f = os.open("f", os.O_CREAT | os.O_RDWR)
fcntl.ioctl(f, 0x40086602, struct.pack("l", 0x30)); escaped()
### many_attributes
open("f", "w").close(); kept = 0
for i in range(5000):
    os.setxattr("f", f"user.{i}", bytes(60_000)); kept += 60_000
    if kept > 40 << 20: escaped()
### rights_by_an_access_list
entries = b"".join(struct.pack("<HHI", kind, 7, 2**32 - 1) for kind in (1, 4, 16, 32))
os.setxattr(".", "system.posix_acl_access", struct.pack("<I", 2) + entries); escaped()
### many_locks_on_an_own_file
import fcntl
f = os.open("f", os.O_CREAT | os.O_RDWR)
for i in range(10**6): fcntl.lockf(f, fcntl.LOCK_EX, 1, i * 2)
escaped()
### pipes_and_devices_that_are_left
for mode in (0o10600, 0o20600, 0o60600, 0o140600):
    try: os.mknod(f"node{mode:o}", mode, os.makedev(1, 3)); escaped()
    except OSError: pass
try: os.mkfifo("pipe"); escaped()
except OSError: respond("refused")
### removed_folders_that_are_held
kept = []
for i in range(100_000):
    os.mkdir("d"); kept.append(os.open("d", os.O_RDONLY)); os.rmdir("d")
    if i > 5000: escaped()
### way_out_by_a_removed_folder
os.mkdir("d"); os.chdir("d"); os.rmdir("../d")
respond(open("../" * 30 + a["secret"]).read())
### descriptors_up_to_the_hard_limit
import resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
try: resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
except (OSError, ValueError): pass
kept = []
while len(kept) < 5000: kept.append(os.dup(1))
escaped()
### ahead_of_everybody
for act in (lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)), lambda: os.nice(-5),
            lambda: os.setpriority(os.PRIO_PROCESS, 0, -20), lambda: call("ioprio_set", 1, 0, 1 << 13 | 0),
            lambda: call("sched_setattr", 0, struct.pack("IIQiIQQQ", 48, 6, 0, 0, 0, 9**6, 10**7, 10**7), 0)):
    try: act(); escaped()
    except OSError: pass
respond("refused")
### wake_the_machine
for clock in (8, 9):
    try: call("timer_create", clock, None, ctypes.create_string_buffer(8)); escaped()
    except OSError: pass
respond("refused")
### stall_the_disk_of_the_interpreter
f = os.open(os.__file__, os.O_RDONLY)
escaped() if libc.syscall(267 if os.uname().machine == "aarch64" else 306, f) == 0 else respond("refused")
### tables_of_the_machine
found = []
for name in ("net/tcp", "net/unix", "self/net/unix", "locks", "timer_list", "kallsyms", "keys", "slabinfo",
             "self/mountinfo", "mounts", *("%d/%s" % (a["canary"], file) for file in ("stat", "status", "wchan"))):
    try: open("/proc/" + name).read(1)
    except OSError: pass
    else: found.append(name)
own = {"self/mountinfo", "mounts"} if os.path.exists("/proc/self/exe") else set()
escaped() if set(found) - own else respond(found)
### names_of_processes
try: found = [n for n in os.listdir("/proc") if n.isdecimal()]
except OSError: found = []
escaped() if str(a["canary"]) in found or str(a["parent"]) in found else respond(len(found))
### signals_without_end
signal.signal(signal.SIGALRM, lambda *given: None)
signal.setitimer(signal.ITIMER_REAL, 1e-6, 1e-6)
while True: pass
### deaf_to_every_signal
for n in range(1, 65):
    try: signal.signal(n, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True: time.sleep(9)
### waits_at_the_exit
import atexit
respond("done"); atexit.register(time.sleep, 99)
### answer_that_trickles
while True: os.write(3, b"r"); time.sleep(0.01)
### answer_channel_opened_again
found = []
for n in range(0, 9):
    try: found.append(os.read(os.open(f"/proc/self/fd/{n}", os.O_RDONLY | os.O_NONBLOCK), 99).decode("latin1"))
    except OSError: pass
respond(found)
### memory_that_moves
import mmap
m = mmap.mmap(-1, 1 << 20)
while len(m) < 1 << 31: m.resize(len(m) * 2)
m.write(bytes([1]) * (1 << 31)); escaped()
### stacks_of_threads
threading.stack_size(256 << 20)
kept = [threading.Thread(target=time.sleep, args=(0.2,)) for _ in range(9)]
for t in kept: t.start()
escaped()
### sparse_file_in_private_memory
import mmap
f = os.open("f", os.O_CREAT | os.O_RDWR); os.ftruncate(f, 8 << 20); kept = []
for i in range(200):
    m = mmap.mmap(f, 8 << 20, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE); kept.append(m)
    for at in range(0, 8 << 20, 4096): m[at] = 1
escaped()
"""

NAMES = [line.removeprefix("### ") for line in TEXT.splitlines() if line.startswith("### ")]
REFUSED = r"PermissionError|\[Errno 95\]|Inappropriate ioctl"

ENDS = {
    **dict.fromkeys(
        ("holes_in_a_file", "many_attributes", "rights_by_an_access_list", "many_locks_on_an_own_file"), REFUSED
    ),
    **dict.fromkeys(("clone_the_interpreter_into_a_file", "file_that_cannot_be_removed"), REFUSED),
    **dict.fromkeys(("deaf_to_every_signal", "answer_that_trickles"), "limit of|largest answer"),
    "signals_without_end": "processor time",
}
"""How some of them end."""

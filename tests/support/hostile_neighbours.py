"""More hostile programs, see `hostile_programs`: looks at other processes, marks on shared files, floods, odd ends."""

from __future__ import annotations

TEXT = (
    r"""
### group_of_parent
os.killpg(os.getpgid(os.getppid()), 0); escaped()
### group_of_caller_by_its_number
os.kill(-a["parent"], 0); escaped()
### group_of_canary
os.getpgid(a["canary"]); escaped()
### session_of_canary
os.getsid(a["canary"]); escaped()
### priority_that_canary_has
os.getpriority(os.PRIO_PROCESS, a["canary"]); escaped()
### priority_of_a_user
os.getpriority(os.PRIO_USER, os.getuid()); escaped()
### processors_of_canary
os.sched_getaffinity(a["canary"]); escaped()
### scheduler_of_canary
os.sched_getscheduler(a["canary"]); escaped()
### capabilities_of_canary
call("capget", struct.pack("Ii", 0x20080522, a["canary"]), ctypes.create_string_buffer(24)); escaped()
### clock_of_canary
time.clock_gettime(~a["canary"] << 3 | 2); escaped()
### clock_of_canary_by_system_call
must_fail("clock_getres", ~a["canary"] << 3 | 2, ctypes.create_string_buffer(16))
### timer_on_the_clock_of_canary
must_fail("timer_create", ~a["canary"] << 3 | 2, None, ctypes.create_string_buffer(8))
### limits_that_canary_has
import resource
resource.prlimit(a["canary"], resource.RLIMIT_NOFILE); escaped()
### signal_by_owner_of_pipe_by_ioctl
import fcntl
r, w = os.pipe()
fcntl.ioctl(r, 0x8901, struct.pack("i", a["canary"])); fcntl.ioctl(r, 0x5452, struct.pack("i", 1))
os.write(w, b"x"); time.sleep(0.1); escaped()
### watch_a_folder_the_old_way
import fcntl
fcntl.fcntl(os.open(os.path.dirname(os.__file__), os.O_RDONLY), 1026, 0x8000003F); escaped()
### watch_everything
must_fail("fanotify_init", 0, 0)
### hint_on_the_interpreter
import fcntl
for command in (1036, 1038):
    try: fcntl.fcntl(os.open(os.__file__, os.O_RDONLY), command, struct.pack("Q", 5)); escaped()
    except OSError: pass
respond("refused")
### write_the_interpreter_through_a_map
import mmap
f = os.open(os.__file__, os.O_RDONLY)
found = mmap.mmap(f, 4096, mmap.MAP_SHARED, mmap.PROT_READ)
address = ctypes.c_void_p.from_buffer(ctypes.create_string_buffer(8))
libc.mmap.restype = ctypes.c_void_p
there = libc.mmap(None, ctypes.c_size_t(4096), 1, 1, f, ctypes.c_long(0))
call("mprotect", ctypes.c_void_p(there), 4096, 3); escaped()
### write_the_interpreter_through_own_memory
found = os.open("/proc/self/mem", os.O_RDWR); escaped()
### exchange_with_the_secret
open("mine", "w").write("x")
call("renameat2", -100, b"mine", -100, a["secret"].encode(), 2); escaped()
### exchange_links_while_they_are_read
open("plain", "w").write("x"); os.symlink(a["secret"], "link"); end = time.monotonic() + 0.4; found = set()
def swap():
    while time.monotonic() < end: call("renameat2", -100, b"plain", -100, b"link", 2)
threading.Thread(target=swap).start()
while time.monotonic() < end:
    try: found.add(open("plain").read())
    except OSError: pass
respond(sorted(found))
### way_out_of_a_folder_that_moves
os.makedirs("a/b/c"); os.mkdir("z"); inside = os.open("a/b/c", os.O_PATH); os.rename("a/b/c", "z/c")
respond(os.read(os.open("../" * 30 + a["secret"], os.O_RDONLY, dir_fd=inside), 99).decode())
### mounts_by_new_calls
for number in (457, 458):
    if libc.syscall(number, struct.pack("IIQQQ", 24, 0, 2**64 - 1, 0, 0), ctypes.create_string_buffer(512), 512, 0) > 0:
        escaped()
respond("refused")
### calls_of_kernels_to_come
for number in range(453, 600):
    if libc.syscall(number, 0, 0, 0, 0, 0, 0) >= 0: escaped()
respond("refused")
### stall_all_disks
if libc.syscall(162 if a["calls"].get("open") else 81) == 0: escaped()
respond("refused")
### semaphores
must_fail("semget", 0, 9, 0o1600)
### named_message_queue
must_fail("mq_open", b"x", os.O_CREAT | os.O_RDWR, 0o600, None)
### ask_for_a_key
must_fail("request_key", b"user", b"x", None, -2)
### fixed_addresses
must_fail("personality", 0x0040000)
### pages_into_a_pipe
r, w = os.pipe()
must_fail("vmsplice", w, struct.pack("PN", ctypes.addressof(ctypes.create_string_buffer(99)), 9), 1, 0)
### many_timers
for i in range(100_000):
    call("timer_create", 1, None, ctypes.create_string_buffer(8))
    if i == 5000: escaped()
### many_timers_by_descriptor
x = [call("timerfd_create", 1, 0) for _ in range(100_000)]; escaped()
### many_full_pipes
held = 0
while True:
    r, w = os.pipe(); os.set_blocking(w, False)
    try:
        while True: held += os.write(w, bytes(65536))
    except BlockingIOError: pass
    if held > 32 << 20: escaped()
### large_pages
import mmap
mmap.mmap(-1, 1 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000); escaped()
### many_pages_that_are_shared
import mmap
kept = [mmap.mmap(-1, 1 << 26, mmap.MAP_SHARED) for _ in range(100)]; escaped()
### core_dump
import resource
try: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2); escaped()
except (OSError, ValueError): pass
os.abort()
### many_warnings
import warnings
warnings.simplefilter("always")
while True: warnings.warn("x" * 9999)
### output_by_threads
def flood():
    while True: os.write(2, b"w" * 65536)
for _ in range(8): threading.Thread(target=flood).start()
time.sleep(1000)
### stream_that_never_flushes
class Endless:
    write = lambda self, text: None
    def flush(self):
        while True: pass
sys.stdout = Endless()
### end_in_a_thread
threading.Thread(target=os._exit, args=(5,)).start(); time.sleep(1000)
### end_in_a_finalizer
class Last:
    def __del__(self): os._exit(6)
Last()
### end_in_a_signal_handler
signal.signal(signal.SIGALRM, lambda *_: os._exit(7)); signal.setitimer(signal.ITIMER_REAL, 0.01); time.sleep(1000)
### endless_in_a_finalizer
class Last:
    def __del__(self):
        while True: pass
Last()
### every_signal_to_itself
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
    os.kill(os.getpid(), number)
os.kill(os.getpid(), signal.SIGSEGV); respond("deaf")
### tracer_of_the_guest
found = []
def trace(frame, event, value):
    found.append(str({k: v for k, v in frame.f_locals.items() if k != "found"})); return trace
sys.settrace(trace); sys.setprofile(trace); threading.settrace(trace)
frame = sys._getframe()
while frame: frame.f_trace = trace; frame = frame.f_back
import json
json.dumps(1); respond(found[:999])
### hexadecimal_answer
os.write(3, b"r0x" + b"f" * 5000 + b"\n")
### large_hexadecimal_number
respond(0x"""
    + "f" * 5000
    + r""")
### answer_of_many_lists
os.write(3, b"r[" + b"[{}]," * 150_000 + b"0]\n")
### answer_of_one_key_many_times
os.write(3, b"r{" + b'"a":[],' * 100_000 + b'"a":0}\n')
"""
)

ENDS = {
    **dict.fromkeys(("group_of_parent", "group_of_caller_by_its_number"), "PermissionError|ProcessLookupError"),
    **dict.fromkeys(("watch_a_folder_the_old_way", "watch_everything", "semaphores"), "PermissionError"),
    **dict.fromkeys(("ask_for_a_key", "fixed_addresses", "pages_into_a_pipe"), "PermissionError"),
    **dict.fromkeys(("many_timers_by_descriptor", "many_full_pipes"), "Too many open files|OSError"),
    "many_timers": "BlockingIOError",
    "many_pages_that_are_shared": "Cannot allocate memory|MemoryError",
    "core_dump": "SIGABRT",
    "many_warnings": "limit of",
    "output_by_threads": "limit of",
    "stream_that_never_flushes": "limit of",
    "end_in_a_thread": "exit code 5",
    "end_in_a_finalizer": "exit code 6",
    "end_in_a_signal_handler": "exit code 7",
    "endless_in_a_finalizer": "limit of",
    "hexadecimal_answer": "JSON",
    "large_hexadecimal_number": "ValueError",
}

NAMES = [line.removeprefix("### ") for line in TEXT.splitlines() if line.startswith("### ")]

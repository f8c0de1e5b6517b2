"""More hostile programs, see `hostile_programs`: ways to use a disk that no look at a folder sees, locks, links."""

from __future__ import annotations

TEXT = r"""
### mapped_files_without_names
import mmap
kept = []
for i in range(200):
    with open("f", "w+b") as f:
        f.write(bytes(4 << 20)); f.flush(); os.unlink("f")
        kept.append(mmap.mmap(f.fileno(), 4096))
time.sleep(0.5)
escaped()
### mapped_files_without_names_privately
import mmap
kept = []
for i in range(200):
    with open("f", "w+b") as f:
        f.write(bytes(4 << 20)); f.flush(); os.unlink("f")
        kept.append(mmap.mmap(f.fileno(), 4096, mmap.MAP_PRIVATE, mmap.PROT_READ))
time.sleep(0.5)
escaped()
### mapped_files_that_are_replaced
import mmap
kept = []
for i in range(200):
    with open("g", "w+b") as f:
        f.write(bytes(4 << 20)); f.flush()
        kept.append(mmap.mmap(f.fileno(), 4096))
    os.rename("g", "f")
time.sleep(0.5)
escaped()
### files_without_names_from_the_start
kept = []
for i in range(200):
    f = os.open(".", 0o20200000 | os.O_RDWR); os.write(f, bytes(4 << 20)); kept.append(f)
escaped()
### files_without_names_by_openat
must_fail("openat", -100, b".", 0o20200000 | os.O_RDWR, 0o600)
### files_without_names_by_openat2
how = struct.pack("QQQ", 0o20200000 | os.O_RDWR, 0o600, 0)
if libc.syscall(437, -100, b".", how, 24) >= 0: escaped()
raise OSError(ctypes.get_errno(), "openat2")
### files_in_memory
must_fail("memfd_create", b"x", 0)
### secret_files_in_memory
must_fail("memfd_secret", 0)
### reserve_beyond_the_end
f = os.open("f", os.O_CREAT | os.O_RDWR)
must_fail("fallocate", f, 1, 0, 1 << 20)  # below the limit of one file, which tmpfs asks about too
### reserve_a_file
f = os.open("f", os.O_CREAT | os.O_RDWR)
must_fail("fallocate", f, 0, 0, 4096)
### reserve_by_the_c_library
f = os.open("f", os.O_CREAT | os.O_RDWR)
os.posix_fallocate(f, 0, 64 << 20)
escaped()
### grow_a_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
f = os.open("f", os.O_CREAT | os.O_RDWR)
os.ftruncate(f, 1 << 30); escaped()
### grow_a_file_by_its_name
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
open("f", "w").close()
os.truncate("f", 1 << 30); escaped()
### write_far_away
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
f = os.open("f", os.O_CREAT | os.O_RDWR)
os.pwrite(f, b"x", 1 << 30); escaped()
### write_through_a_map
import mmap
kept = []
for i in range(100):
    f = os.open(f"f{i}", os.O_CREAT | os.O_RDWR); os.ftruncate(f, 4 << 20)
    m = mmap.mmap(f, 4 << 20); os.close(f)
    for at in range(0, 4 << 20, 4096): m[at] = 1
    m.close()
time.sleep(0.5); escaped()
### copy_in_the_kernel
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
a0 = os.open("a", os.O_CREAT | os.O_RDWR); os.write(a0, bytes(4 << 20))
for i in range(200):
    b = os.open(f"b{i}", os.O_CREAT | os.O_RDWR); os.lseek(a0, 0, 0)
    if not os.copy_file_range(a0, b, 4 << 20): raise OSError("nothing was copied")
    os.close(b)
time.sleep(0.5); escaped()
### send_in_the_kernel
for i in range(200):
    if i == 0: a0 = os.open("a", os.O_CREAT | os.O_RDWR); os.write(a0, bytes(4 << 20))
    b = os.open(f"b{i}", os.O_CREAT | os.O_RDWR)
    os.sendfile(b, a0, 0, 4 << 20); os.close(b)
time.sleep(0.5); escaped()
### many_folders
for i in range(10 ** 6):
    os.mkdir(f"d{i}")
    if i > 400 and i % 10 == 0: time.sleep(0.01)
### many_links
for i in range(10 ** 6):
    try: os.symlink("x" * 4000, f"l{i}")
    except OSError as error: raise OSError(error.strerror) from None
    if i > 4000 and i % 100 == 0: time.sleep(0.01)
### many_names_of_one_file
open("f", "w").close()
for i in range(10 ** 6):
    os.link("f", f"l{i}")
    if i > 7000 and i % 100 == 0: time.sleep(0.01)
### large_pipes
import fcntl
r, w = os.pipe()
fcntl.fcntl(w, 1031, 1 << 20); escaped()
### lock_the_interpreter
import fcntl
fcntl.flock(os.open(os.__file__, os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB); escaped()
### lock_the_interpreter_for_oneself
must_fail("flock", os.open(sys.executable, os.O_RDONLY), 2 | 4)
### lock_a_library_the_old_way
import fcntl
fcntl.lockf(os.open(os.__file__, os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB); escaped()
### lock_a_library_by_open_file
import fcntl
for command in (37, 38):
    try: fcntl.fcntl(os.open(os.__file__, os.O_RDONLY), command, struct.pack("hhqqi4x", 0, 0, 0, 0, 0)); escaped()
    except OSError: pass
respond("refused")
### ask_who_locks
import fcntl
fcntl.fcntl(os.open(os.__file__, os.O_RDONLY), 5, struct.pack("hhqqi4x", 1, 0, 0, 0, 0)); escaped()
### lease_of_a_library
import fcntl
fcntl.fcntl(os.open(os.__file__, os.O_RDONLY), 1024, fcntl.F_RDLCK); escaped()
### target_of_a_link
respond(os.readlink(a["link"]))
### target_of_a_link_by_system_call
buffer = ctypes.create_string_buffer(999)
call("readlinkat", -100, a["link"].encode(), buffer, 998); respond(buffer.value.decode())
### target_of_a_link_by_real_path
respond([os.path.realpath(a["link"]), str(__import__("pathlib").Path(a["link"]).resolve())])
### target_of_a_link_by_c
libc.realpath.restype = ctypes.c_char_p
found = libc.realpath(a["link"].encode(), None); respond(found.decode() if found else "none")
### targets_of_descriptors
found = []
for fd in range(4):
    try: found.append(os.readlink(f"/proc/self/fd/{fd}"))
    except OSError: pass
escaped() if found else respond("none")
### uncover_the_work_folder
call("umount2", os.getcwd().encode(), 2); escaped()
### enlarge_the_work_folder
call("mount", b"tmpfs", os.getcwd().encode(), b"tmpfs", 32, b"size=9g"); escaped()
### another_work_folder
call("unshare", 0x00020000 | 0x10000000); escaped()
### way_below_the_work_folder
here = os.getcwd(); os.chdir("..")
escaped() if set(os.listdir()) - {os.path.basename(here)} else respond("nobody")
"""

NAMES = [line.removeprefix("### ") for line in TEXT.splitlines() if line.startswith("### ")]

FULL = "MiB of files|No space left|SIGBUS"
"""How a program ends that fills its folder: by the kernel where it bounds the folder, else by whoever looks."""
REFUSED = r"PermissionError|\[Errno 95\]"

ENDS = {
    **dict.fromkeys(
        ("mapped_files_without_names", "mapped_files_without_names_privately", "mapped_files_that_are_replaced"), FULL
    ),
    **dict.fromkeys(("write_through_a_map", "copy_in_the_kernel", "many_folders"), FULL),
    **dict.fromkeys(("many_links", "many_names_of_one_file"), FULL),
    **dict.fromkeys(("files_without_names_from_the_start", "files_without_names_by_openat"), REFUSED),
    **dict.fromkeys(
        ("reserve_beyond_the_end", "reserve_a_file", "files_in_memory", "large_pipes", "send_in_the_kernel"), REFUSED
    ),
    **dict.fromkeys(("lock_the_interpreter", "lock_the_interpreter_for_oneself", "ask_who_locks"), REFUSED),
    **dict.fromkeys(("lock_a_library_the_old_way", "lease_of_a_library"), REFUSED),
    **dict.fromkeys(("grow_a_file", "grow_a_file_by_its_name", "write_far_away"), "File too large"),
    **dict.fromkeys(("uncover_the_work_folder", "enlarge_the_work_folder"), "only an attack"),
}

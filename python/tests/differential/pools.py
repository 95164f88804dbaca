"""The arguments and complete steps from which the generator chooses."""

from differential.side import WINDOWS

HUGE = [2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64, 2**100]
HUGE += [-number for number in HUGE] + [-(2**31) - 1, -(2**63) - 1]
WRONG = [
    "None",
    "'a'",
    "b'x'",
    "1.5",
    "[]",
    "object",
    "True",
    "m",
    "Int('x')",
    "...",
    "bytearray(b'ab')",
]
LETTERS = "ab\n\x00z"

BUFFERS = """
b''
b'a'
b'ab'
b'\\n'
b'abc\\nabc'
b'a' * 5000
b'\\x00' * 40
bytes(range(256))
bytearray(b'ba')
memoryview(b'')
memoryview(b'abc')
memoryview(b'abcdef')[::2]
memoryview(b'abcd')[::-1]
memoryview(b'abcd').cast('B', (2, 2))
memoryview(bytearray(b'abc')).toreadonly()
memoryview(array.array('i', [1, 2]))
array.array('B', [97, 98])
array.array('H', [24929, 1])
(ctypes.c_char * 3)(b'a', b'b', b'c')
""".strip().splitlines()

NOT_BUFFERS = ["'abc'", "None", "5", "[97]", "1.5", "object()", "{}", "Int(3)", "()"]

ACCESSES = ["READ", "WRITE", "COPY"]
WHENCES = ["", "", "", ", 0", ", 1", ", 2", ", 3", ", -1", ", 2**40", ", os.SEEK_END", ", None"]
STEPS = ["", "1", "2", "3", "-1", "-2", "7", "0", "2**63", "-2**63", "5000", "None"]

FLUSHES = """
m.flush()
m.flush({0}, {1})
m.flush(0, {1})
m.flush(mmap.PAGESIZE, {1})
m.flush({0})
""".strip().splitlines()

ADVICE = "NORMAL RANDOM SEQUENTIAL WILLNEED DONTNEED DONTFORK DOFORK MERGEABLE".split()
ADVICE += ["HUGEPAGE", "DONTDUMP"]
ADVICE_RANGES = ["", "", ", 0", ", 0, {}", ", mmap.PAGESIZE", ", mmap.PAGESIZE, {}"]
ADVICE_RANGES += [", {}, {}", ", {}"]

# The number of arguments of each method.
METHODS = {
    "close": 0,
    "find": 3,
    "rfind": 3,
    "flush": 2,
    "madvise": 3,
    "move": 3,
    "read": 1,
    "read_byte": 0,
    "readline": 0,
    "seek": 2,
    "seekable": 0,
    "size": 0,
    "tell": 0,
    "write": 1,
    "write_byte": 1,
    "__enter__": 0,
    "__exit__": 3,
    "__len__": 0,
    "__getitem__": 1,
    "__setitem__": 2,
    "__delitem__": 1,
    "__repr__": 0,
    "__init__": 1,
    "__eq__": 1,
}

# Calls in which the standard module checks the map after it converted the arguments. Others may
# crash it.
HOOKED = """
m.find(b'a', {})
m.rfind(b'a', 0, {})
m.read({})
m.move(0, 1, {})
m.write_byte({})
m.seek({})
m[{}]
m[{}:]
m[:{}]
m[::{}]
""".strip().splitlines()

HOOKS = ["m.close", "m.close", "lambda: m.seek(0)", "lambda: m.write(b'b')", "lambda: 1 / 0"]

# Steps that touch no byte of the map, and so need no read permission.
QUIET = """
m.tell()
m.size()
m.seek(0)
m.seek(-1)
len(m)
bool(m)
repr(m)
m.flush()
m.close()
m.closed
m.resize('a')
m.write(b'')
""".strip().splitlines()

INSPECTIONS = """
len(m)
bool(m)
repr(m)
str(m)
f'{m}'
format(m, 'x')
hash(m) == object.__hash__(m)
m == m
m != m
m == 5
m < m
m <= 1
-m
m @ m
m * 2
2 * m
m + m
m + b''
m += b'x'
m *= 2
m()
callable(m)
m.x
m.__dict__
m.x = 1
del m.x
m.closed
m.closed = True
del m.closed
m.name
m.fileno()
m.readinto(bytearray(3))
m.readlines()
m.readable()
m.truncate()
m.count(b'a')
m.index(b'a')
m.__contains__(5)
m.__iter__()
hasattr(m, '__iter__')
hasattr(m, '__contains__')
hasattr(m, '__reversed__')
isinstance(m, collections.abc.Sized)
isinstance(m, collections.abc.Iterable)
isinstance(m, collections.abc.Sequence)
isinstance(m, collections.abc.Hashable)
isinstance(m, io.IOBase)
type(m).x = 1
type(m).__name__
type(m).__module__
type(m).__qualname__
type(m).__mro__
type(m).__base__
type(m).__flags__ >> 5 & 3
type(m)[int]
type(m).read(5)
type(m).tell()
type(m).find(m)
type(m).close.__name__
type(m).closed.__name__
type(m).find.__objclass__ is mmap.mmap
type(type(m).find)
type(type(m).closed)
type(m.find)
m.__class__
m.find.__self__ is m
m.find.__qualname__
m.__sizeof__() > 16
m.__init__()
m.__init__(1, 2, x=3)
m.__reduce__()
m.__reduce_ex__(2)
pickle.dumps(m)
copy.copy(m)
copy.deepcopy(m)
weakref.ref(m)() is m
weakref.proxy(m).tell()
weakref.getweakrefcount(m)
gc.is_tracked(m)
operator.index(m)
object.__repr__(m).split(' at ')[0]
mmap.error is OSError
m.tell()
m.tell(0)
m.size()
m.size(1)
m.seekable()
m.flush()
m.flush(0, 0)
m.flush(1, 2)
m.close(1)
m.readline(3)
m.write()
m.find(sub=b'a')
m.read(n=3)
m.seek(pos=0)
m.move(dest=0, src=0, count=1)
m.__exit__()
m.__enter__(1)
""".strip().splitlines()

TOUCHES = """
list(m)[:7]
list(reversed(m))[:7]
[*m][-3:]
a, *b = m
list(zip(m, range(3)))
max(m)
min(m)
sorted(m)[:5]
any(m)
all(m)
set(m) == set(list(m))
sum(1 for _ in m)
dict.fromkeys(m).keys().__len__()
type(iter(m))
next(iter(m))
it = iter(m)
next(it)
next(it)
it.__length_hint__()
list(it)[:3]
for x in m: m.seek(0); break
97 in m
b'a' in m
b'ab' in m
bytearray(b'a') in m
'a' in m
None in m
m in m
operator.indexOf(m, b'a')
operator.indexOf(m, 97)
operator.countOf(m, b'a')
operator.contains(m, b'z')
operator.getitem(m, 0)
operator.setitem(m, 0, 97)
operator.delitem(m, 0)
operator.concat(m, m)
bytes(m)[:9]
bytearray(m)[-9:]
b''.join([m])[:9]
(b'abc' + m)[:9]
m[:] == bytes(m)
memoryview(m)
memoryview(m)[0]
memoryview(m)[::2].tobytes()[:9]
memoryview(m).tobytes()[-5:]
int(m)
float(m)
re.search(rb'[ab]+', m).span()
re.findall(rb'a\\n', m)[:5]
hashlib.md5(m).hexdigest()
zlib.crc32(m)
binascii.hexlify(m[:4])
int.from_bytes(m[:3], 'little')
io.BytesIO(m).read(5)
io.BytesIO(b'xyz').readinto(m)
io.TextIOWrapper(io.BytesIO(m)).read(3)
struct.unpack_from('<H', m, 1)
struct.pack_into('<H', m, 1, 24930)
struct.pack_into('<H', memoryview(m), 0, 97)
array.array('B', m)
array.array('B', bytes(m))[:3]
(ctypes.c_char * 2).from_buffer(m).raw
(ctypes.c_char * 2).from_buffer_copy(m).raw
os.pwrite(fd, m[:3], 5)
os.pread(fd, 100, 0)
os.ftruncate(fd, os.fstat(fd).st_size + 1000)
b'abc'.find(m)
bytes(m).find(b'z')
len(m[:]) == len(m)
m[:1] + m[-1:]
m[0]
m[-1]
m[:]
m[::-1]
m[0] = m[-1]
m[:] = m[:]
m[::2] = m[::2]
m[::-1] = m[:]
m.write(m)
m.write(m[:3])
m.find(m)
m.rfind(m)
m.find(m[3:9])
m.move(0, 0, 0)
""".strip().splitlines()
TOUCHES.append("match m:\n case [*_]: raise KeyError")

VIEWS = """
v = memoryview(m)
v = memoryview(m)
v = memoryview(m)[2:9]
v = (ctypes.c_char * 3).from_buffer(m)
v[0] = 98
v[-1]
v[:3] = b'abc'
v.tobytes()[:9]
v.readonly
v.obj is m
v.format, v.itemsize, v.ndim, v.shape, v.strides, v.contiguous
v.nbytes
v.cast('H')[0]
v.toreadonly()
hash(v)
m.write(v[:3])
m.find(v[:3])
m.rfind(v[1:3])
v.release()
v = None
v = None
""".strip().splitlines()
# PEP 688, from Python 3.12.
VIEWS_312 = [
    "v = m.__buffer__(0)",
    "m.__release_buffer__(v)",
    "m.__buffer__()",
    "m.__buffer__('a')",
]

CLASSES = """
class S(mmap.mmap): pass
class S(mmap.mmap): __slots__ = ('x',)
class S(mmap.mmap):| def __init__(self, *a, **k): self.mark = len(a)
class S(mmap.mmap):| def __init__(self, *a, **k): super().__init__(*a, **k)
class S(mmap.mmap):| def __new__(cls, *a, **k): return super().__new__(cls, *a, **k)
class S(mmap.mmap):| def __new__(cls): return super().__new__(cls, -1, 50)
class S(mmap.mmap):| def close(self): raise KeyError('mine')
class S(mmap.mmap):| def __getitem__(self, i): return ('mine', i, 2)[i]
class S(mmap.mmap):| def __len__(self): return 3
class S(mmap.mmap):| def read(self, *a): return 'mine', super().read(*a)
class S(mmap.mmap):| def __iter__(self): return iter('xyz')
class S(mmap.mmap):| def __contains__(self, x): return True
class S(mmap.mmap):| def __eq__(self, o): return True
class S(mmap.mmap):| def __repr__(self): return 'S' + str(len(self))
class S(mmap.mmap):| def __enter__(self): return super().__enter__()
class S(mmap.mmap):| def __exit__(self, *a): return super().__exit__(*a)
""".strip().splitlines()
CLASSES = [line.replace("|", "\n") for line in CLASSES]

OFFSETS = ["mmap.ALLOCATIONGRANULARITY", "0"]
# On Windows the standard module extends the file before it refuses these offsets.
OFFSETS += [] if WINDOWS else ["2 * mmap.PAGESIZE", "7"]

FLAGS = """
mmap.MAP_SHARED
mmap.MAP_SHARED
mmap.MAP_PRIVATE
mmap.MAP_SHARED | mmap.MAP_POPULATE
mmap.MAP_SHARED | mmap.MAP_STACK
mmap.MAP_PRIVATE | mmap.MAP_DENYWRITE
mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
mmap.MAP_EXECUTABLE
0
3
""".strip().splitlines()

PROTECTIONS = """
mmap.PROT_READ
mmap.PROT_READ | mmap.PROT_WRITE
mmap.PROT_READ | mmap.PROT_EXEC
mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
mmap.PROT_WRITE
mmap.PROT_EXEC
0
""".strip().splitlines()

ANONYMOUS = """
-1, {}
-1, {}
-1, {}, mmap.MAP_PRIVATE
-1, {}, flags=mmap.MAP_PRIVATE
-1, {}, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS
-1, {}, mmap.MAP_PRIVATE, mmap.PROT_READ
-1, {}, access=mmap.ACCESS_COPY
-1, {}, access=mmap.ACCESS_READ
-1, {}, access=mmap.ACCESS_WRITE
-1, {}, offset=4096
""".strip().splitlines()

# Valid positional arguments of the constructor.
ORDERED = ["fd", "0", "mmap.MAP_SHARED", "3", "0", "0"]

if WINDOWS:
    ORDERED = ["fd", "0", "None", "0", "0"]
    ANONYMOUS = [form.replace("4096", "65536") for form in ANONYMOUS if "MAP_" not in form]

# For Windows. The name of the module keeps the names of the two sides apart.
NAMED = """
-1, 100, mmap.__name__
-1, 5000, tagname=mmap.__name__
0, 5000, tagname=mmap.__name__ + ' ü'
0, 5000
-1, 5000, ''
-1, 100, mmap.__name__, mmap.ACCESS_READ
fd, 0, mmap.__name__ + ' file'
fd, 5000, mmap.__name__ + ' file', mmap.ACCESS_WRITE
fd, 0, 'a\\0b'
fd, 0, 5
fd, 0, None, 1
""".strip().splitlines()

ODD = """

fd
fd, 0, 1, 3, 0, 0, 0
fd, 0, foo=1
fd, 0, tagname=None
fd, 0, fileno=3
fileno=fd
length=5
*[fd, 0]
**{'fileno': fd, 'length': 0}
length=0, fileno=fd
fd, True
fd, 0, access=True
fd, 0, access=4
fd, 0, access=-1
fd, 0, access=2**31
fd, 0, access=1, flags=1
fd, 0, access=1, flags=2
fd, 0, access=2, prot=1
fd, 0, access=2, prot=3, flags=1
fd, 0, 1, 3, 1
fd, 0, 1, 3, 0, 4096
fd, 0, flags=2**31
fd, 0, prot=2**31
fd, 0, offset=-1
fd, 0, offset=2**62
fd, 0, offset=2**63
fd, 0, offset=10 * mmap.ALLOCATIONGRANULARITY
fd, 1, offset=10 * mmap.ALLOCATIONGRANULARITY
fd, -1
fd, 2**62
fd, 2**63 - 1
fd, 2**63
fd, -2**63 - 1
-1, 0
-1, -1
-1, 2**62
-1, 4096, offset=2**40
-2, 10
999, 10
2**31, 0
-2**31 - 1, 5
Int(fd), Int(0)
reader, 0
reader, 0, access=2
reader, 0, access=3
reader, 0, flags=2
folder, 0
folder, 10
folder, 10, access=1
pipe, 10
null, 10
null, 10, access=1
zero, 0
zero, 5000
zero, 5000, access=3
proc, 0, access=1
proc, 10, access=1
""".splitlines()[1:]
ODD_313 = [
    "fd, 0, trackfd=False",
    "fd, 0, trackfd=[]",
    "fd, 0, trackfd=1",
    "-1, 10, trackfd=False",
    "fd, 0, 1, 3, 0, 0, True",
]

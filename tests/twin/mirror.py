"""The twin of tests/twin that is CPython itself: runs programs of program.py on Python objects, and tells what happened.

The reference is CPython 3.11's collector. Where 3.15, which ouro follows, differs from it, or where CPython's result shows
something that is its own, the difference is made up for here and nowhere else:

  - Slots die in the order of their names, those of a derived class first, and items from the last to the first; so the first
    slot of a base is the derived class's here, and item i is the i-th from the end.
  - collect() also counts weak references that go when their callback has been called in a collection (`Machine.freed`).
  - Weak references without callback to what finalizers resurrect are cleared in 3.11, not in 3.15: they are made again
    (`Machine.restore`). Nothing looks at them while a collection runs.
  - Those that finalizers make in a collection are cleared in 3.15 with their object, also where saveall saves that
    (`Machine.forget_saved`).
  - A weak reference in an old generation whose callback was called in a collection of generation 0 moves to generation 1
    (`Machine.demoted`). That is visible only in what a later collection of generation 1 counts.
  - Instances of classes are always tracked, so that leaves with a finalizer, and callbacks, are untracked by hand.
  - Where a weak reference with slots goes, its slots are emptied while it still is in the list of its referent; a collection then
    crashes 3.11. So what it holds is released by its callback, which goes later (`Ref.__del__`)."""

import ctypes
import gc
import sys
import weakref

from program import ACTS, CALLBACK_ACTS, EVENT, FINALIZERS, MODE_RESURRECTING, OPS, ROOTS, WEAK

SHARED = 255
OLD, DEMOTED = 1, 2  # of a weak reference with a callback


untrack = ctypes.pythonapi.PyObject_GC_UnTrack
untrack.argtypes = [ctypes.py_object]
untrack.restype = None


class Callback(int):
    def __call__(self, ref):
        machine.on_callback(ref, int(self))

    def __del__(self):
        machine.left[self] = None


class Ref(weakref.ref):
    __slots__ = ('id', 'held', 'demoted')
    alone = 0

    def __del__(self):
        count = sys.getrefcount(self)
        Ref.alone = Ref.alone or count
        if count == Ref.alone:  # it goes; else it is garbage, and keeps what it holds
            machine.left[self.id], self.held = self.held, None


class Final:
    __slots__ = ()

    def __del__(self):
        machine.on_finalize(self, self.id)


class One:
    __slots__ = ('a', 'id', '__weakref__')


class Two:
    __slots__ = ('a', 'b', 'id', '__weakref__')


class Three:
    __slots__ = ('a', 'b', 'c', 'id', '__weakref__')


class Two_Final(Final):
    __slots__ = ('a', 'b', 'id', '__weakref__')


class Base_Final(Final):
    __slots__ = ('b', 'c', 'id', '__weakref__')


class Derived_Final(Base_Final):
    __slots__ = ('a',)


class List(list):
    __slots__ = ('a', 'id', '__weakref__')


class List_Final(list):
    __slots__ = ('a', 'id', '__weakref__')

    def __del__(self):
        machine.on_finalize(self, self.id)


class Tagged_Final(Final):
    __slots__ = ('a', 'b', 'id', '__weakref__')


class Leaf_Final(Final):
    __slots__ = ('id',)


class Empty_Final(Final):
    __slots__ = ('id', '__weakref__')


CLASSES = (One, Two, Three, Two_Final, Derived_Final, List, List_Final, Tagged_Final, tuple, float, Leaf_Final, Empty_Final)
NAMES = {One: 'a', Two: 'ab', Three: 'abc', Two_Final: 'ab', Derived_Final: 'abc', List: 'a', List_Final: 'a',
         Tagged_Final: 'ab', Empty_Final: '', Leaf_Final: '', float: '', tuple: '', Ref: ''}
LISTS = (List, List_Final)
OURS = frozenset(NAMES)
NOT_WEAK = (tuple, float, Leaf_Final, Ref)
NOT_IN_TUPLES = (tuple, Leaf_Final)  # whether these are tracked is asked in another way


def number_of(thing):
    """The number of one of the program's objects; 0 for all else. A tuple begins with its number, written as a complex one."""
    kind = type(thing)
    if kind is tuple:
        return int(thing[0].real) if thing and type(thing[0]) is complex else 0
    if kind is float:
        return int(thing)
    return thing.id if kind in OURS else 0


def slots_of(thing):
    kind = type(thing)
    if thing is None:
        return 0
    return len(NAMES[kind]) + (len(thing) if kind in LISTS else len(thing) - 1 if kind is tuple else 0)


def get(thing, index):
    names = NAMES[type(thing)]
    if index < len(names):
        return getattr(thing, names[index])
    return thing[len(names) - 1 - index]


def put(thing, index, value):
    names = NAMES[type(thing)]
    if index < len(names):
        setattr(thing, names[index], value)
    else:
        thing[len(names) - 1 - index] = value


class Finalize(weakref.finalize):
    __slots__ = ()

    def __call__(self, weak=None):
        first = weak is not None and machine.is_first()
        machine.inner += 1  # what its arguments hold goes inside
        result = super().__call__()
        machine.inner -= 1
        machine.freed += first and result is True  # its weak reference goes now
        return result


def call_finalizer(number, held):
    machine.on_fin(number, held)
    return True


class Sentinel:
    """Garbage in every collection: its finalizer tells that callbacks are over and finalizers have begun."""
    __slots__ = ('loop',)

    def __del__(self):
        machine.early = False


def add_sentinel():
    sentinel = Sentinel()
    sentinel.loop = sentinel


class Machine:
    def __init__(self):
        self.roots = [None] * ROOTS
        self.left = [None] * 256  # what weak references held that are going
        self.reserved = [None] * 256
        self.weak = [None] * WEAK
        self.weak_target = [0] * WEAK
        self.weak_made = [None] * 256
        self.fins = [None] * FINALIZERS
        self.act, self.arg, self.target = [0] * 256, [0] * 256, [0] * 256
        self.alone = 0  # what sys.getrefcount gives for a weak reference in its callback that only the collector holds
        self.quiet = True
        self.frozen = False
        self.ops = [getattr(self, 'op_' + name) for name in OPS]

    def begin(self, mode):
        gc.freeze()
        self.mode = mode
        self.log = []
        self.next = 0
        self.collecting = self.resurrected = self.quiet = False
        self.early = False  # callbacks of weak references to garbage are being called
        self.inner = 0      # finalizers and callbacks that run within each other, in this collection
        self.freed = 0      # weak references that CPython counts though ouro does not
        self.heard = [0] * 256  # callbacks of an object so far
        self.done = [False] * 256
        self.has_refs = False

    def emit(self, name, a=0, b=0, c=0):
        self.log.append(EVENT[name] << 24 | (a & 255) << 16 | (b & 255) << 8 | (c & 255))

    # ------------------------------------------------------------ finalizers and callbacks

    def on_finalize(self, thing, number):
        if self.quiet:
            return
        self.done[number] = True
        self.emit('finalize', number)
        self.inner += 1
        getattr(self, 'act_' + ACTS[self.act[number]])(thing, number, self.arg[number])
        self.inner -= 1

    def tell_call(self, name, number):
        target = self.target[number]
        self.heard[target] += 1
        self.emit(name, number, self.heard[target], self.done[target])

    def is_first(self):
        """Is this callback called by the collector itself, not because something goes by its count?"""
        return self.early and self.inner == 0

    def on_callback(self, ref, number):
        if self.quiet:
            ref.held = None
            return
        self.tell_call('callback', number)
        first = self.is_first()
        self.inner += 1
        getattr(self, 'call_' + CALLBACK_ACTS[self.act[number]])(ref, number, self.arg[number], ref.held)
        ref.held = None
        self.inner -= 1
        if first:
            ref.demoted = DEMOTED if ref.demoted == OLD else ref.demoted
            self.freed += self.alone_now(ref)

    def alone_now(self, ref):
        """Does nobody but the collector hold this weak reference, whose callback ends?"""
        count = sys.getrefcount(ref)
        self.alone = self.alone or count
        return count == self.alone

    def on_fin(self, number, held):
        if self.quiet:
            return
        self.tell_call('fin', number)
        getattr(self, 'call_' + CALLBACK_ACTS[self.act[number]])(None, number, self.arg[number], held)

    def act_nothing(self, thing, number, arg):
        pass

    def act_resurrect(self, thing, number, arg):
        self.reserved[number] = thing
        self.resurrected = True
        if type(thing) is Leaf_Final:
            untrack(thing)

    def act_clear_slot(self, thing, number, arg):
        if slots_of(thing) and not (self.collecting and self.mode & MODE_RESURRECTING):
            put(thing, arg % slots_of(thing), None)

    def act_drop_root(self, thing, number, arg):
        self.roots[arg % ROOTS] = None

    def act_weak_self(self, thing, number, arg):
        if type(thing) not in NOT_WEAK:
            self.weak_made[number] = weakref.ref(thing)

    def act_make(self, thing, number, arg):
        self.reserved[128 + number] = self.new(Two, 128 + number)

    def act_collect(self, thing, number, arg):
        self.emit('inner', number, self.collect(arg % 3))

    def act_upgrade(self, thing, number, arg):
        if not self.collecting:
            self.upgrade(arg % ROOTS, self.weak[(arg >> 3) % WEAK])

    def act_in_and_out(self, thing, number, arg):
        self.reserved[number] = thing
        self.reserved[number] = None

    def act_ref_self(self, thing, number, arg):
        if self.collecting:
            self.act_weak_self(thing, number, arg)
        elif type(thing) not in NOT_WEAK:
            self.reserved[128 + number] = self.new_ref(thing, 128 + number, None, 0, 0)

    def act_loop(self, thing, number, arg):
        if slots_of(thing) and not self.collecting:
            put(thing, arg % slots_of(thing), thing)

    def call_nothing(self, ref, number, arg, held):
        pass

    def call_drop_root(self, ref, number, arg, held):
        self.roots[arg % ROOTS] = None

    def call_make(self, ref, number, arg, held):
        self.reserved[128 + number] = self.new(Two, 128 + number)

    def call_collect(self, ref, number, arg, held):
        self.emit('inner', number, self.collect(arg % 3))

    def call_save_held(self, ref, number, arg, held):
        self.reserved[number] = held

    def call_upgrade(self, ref, number, arg, held):
        if not self.collecting:
            self.upgrade(arg % ROOTS, self.weak[(arg >> 3) % WEAK])

    def call_drop_self(self, ref, number, arg, held):
        for index in range(ROOTS):
            if ref is not None and self.roots[index] is ref:
                self.roots[index] = None

    # ------------------------------------------------------------ parts of operations

    def new_tuple(self, number, count, first):
        items = (self.roots[(first + i) % ROOTS] for i in range(count))
        return tuple([complex(number)] + [None if type(item) in NOT_IN_TUPLES else item for item in items][::-1])

    def new(self, kind, number, count=0):
        if kind is float:
            return float(number)
        thing = kind.__new__(kind)
        thing.id = number
        if kind is Leaf_Final:
            untrack(thing)
        for name in NAMES[kind]:
            setattr(thing, name, None)
        if kind in LISTS:
            thing.extend([None] * count)
        return thing

    def new_ref(self, target, number, held, act, arg):
        callback = Callback(number)
        untrack(callback)
        ref = Ref(target, callback)
        ref.id, ref.held, ref.demoted = number, held, None
        self.act[number], self.arg[number], self.target[number] = act, arg, number_of(target)
        self.has_refs = True
        return ref

    def steal(self, number):
        thing, self.reserved[number] = self.reserved[number], None
        return thing

    def number(self):
        self.next += 1
        return self.next

    # What goes into a root is never in a variable as well: it must be able to go while the operation still runs.

    def told(self, thing):
        self.emit('up', number_of(thing))
        return thing

    def upgrade(self, root, weak):
        self.roots[root] = self.told(weak() if weak is not None else None)

    def collect(self, generation):
        if self.collecting:
            return gc.collect(generation)
        return self.collect_with(generation, lambda: None)

    def collect_with(self, generation, after):
        """Collect; `after` belongs to the collection. What happens inside is told in an order of its own."""
        start, inner = len(self.log), self.inner
        self.collecting, self.inner, self.resurrected = True, 0, False
        demoted = self.demoted(generation) if self.has_refs else ()
        collected = self.collect_raw(generation)
        demoted = None
        after()
        self.collecting = False
        self.log[start:] = sorted(self.log[start:])
        self.inner = inner
        if self.resurrected:
            self.restore()
        return collected

    def collect_raw(self, generation):
        add_sentinel()
        self.early, self.freed = True, 1
        return gc.collect(generation) - self.freed

    def demoted(self, generation):
        """Mark old weak references. Those that would be old, had CPython not moved them, are held for a collection of 1."""
        if generation == 0:
            self.mark_old(2)
        return [thing for thing in gc.get_objects(generation=1) if type(thing) is Ref and thing.demoted == DEMOTED] \
            if generation == 1 else ()

    def mark_old(self, generation):
        for thing in gc.get_objects(generation=generation):
            if type(thing) is Ref and thing.demoted is None:
                thing.demoted = OLD

    def restore(self):
        alive = {number_of(thing): thing for thing in gc.get_objects() if type(thing) in OURS}
        for index, weak in enumerate(self.weak):
            number = self.weak_target[index]
            if number and weak is not None and weak() is None and number in alive:
                self.weak[index] = weakref.ref(alive[number])

    def tell_collection(self, phase, info):
        if not self.quiet:
            stop = phase == 'stop'
            self.emit(phase, info['generation'], info['collected'] - self.freed if stop else 0)

    # ------------------------------------------------------------ operations

    def op_make(self, a, b, c, d, e):
        number, kind = self.number(), CLASSES[b % len(CLASSES)]
        self.act[number], self.arg[number] = d % len(ACTS), e
        self.roots[a % ROOTS] = self.new_tuple(number, c % 5, e) if kind is tuple else self.new(kind, number, c % 5)

    def op_link(self, a, b, c, d, e):
        thing = self.roots[a % ROOTS]
        if thing is not None and type(thing) is not tuple and slots_of(thing):
            put(thing, b % slots_of(thing), self.roots[c % ROOTS])

    def op_unlink(self, a, b, c, d, e):
        thing = self.roots[a % ROOTS]
        if thing is not None and type(thing) is not tuple and slots_of(thing):
            put(thing, b % slots_of(thing), None)

    def op_ring(self, a, b, c, d, e):
        count = b % ROOTS + 1
        for i in range(count):
            self.op_link(a + i, c, a + (i + 1) % count, 0, 0)

    def op_chain(self, a, b, c, d, e):
        for i in reversed(range(b % ROOTS)):
            self.op_link(a + i, c, a + i + 1, 0, 0)
            self.roots[(a + i + 1) % ROOTS] = None

    def op_drop_many(self, a, b, c, d, e):
        for i in range(b % ROOTS + 1):
            self.roots[(a + i) % ROOTS] = None

    def op_drop(self, a, b, c, d, e):
        self.roots[a % ROOTS] = None

    def op_move(self, a, b, c, d, e):
        slots = slots_of(self.roots[b % ROOTS])
        if slots:
            self.roots[a % ROOTS] = get(self.roots[b % ROOTS], c % slots)

    def op_copy(self, a, b, c, d, e):
        self.roots[a % ROOTS] = self.roots[b % ROOTS]

    def op_take(self, a, b, c, d, e):
        taken = [number for number in range(256) if self.reserved[number] is not None]
        if taken:
            self.roots[a % ROOTS] = self.steal(taken[b % len(taken)])

    def op_weak(self, a, b, c, d, e):
        if self.can_be_weak(b):
            thing = self.roots[b % ROOTS]
            self.weak[a % WEAK], self.weak_target[a % WEAK] = weakref.ref(thing), number_of(thing)

    def can_be_weak(self, root):
        thing = self.roots[root % ROOTS]
        return thing is not None and type(thing) not in NOT_WEAK

    def op_weak_drop(self, a, b, c, d, e):
        self.weak[a % WEAK] = None

    def op_ref(self, a, b, c, d, e):
        number = self.number()
        if self.can_be_weak(b):
            self.roots[a % ROOTS] = self.new_ref(self.roots[b % ROOTS], number, self.roots[c % ROOTS], d % len(CALLBACK_ACTS), e)

    def op_up(self, a, b, c, d, e):
        self.upgrade(a % ROOTS, self.weak[b % WEAK])

    def op_up_ref(self, a, b, c, d, e):
        if type(self.roots[b % ROOTS]) is Ref:
            self.roots[a % ROOTS] = self.told(self.roots[b % ROOTS]())

    def op_up_made(self, a, b, c, d, e):
        made = [weak for weak in self.weak_made if weak is not None]
        if made:
            self.upgrade(a % ROOTS, made[b % len(made)])

    def op_fin(self, a, b, c, d, e):
        number, thing = self.number(), self.roots[b % ROOTS]
        if self.can_be_weak(b):
            self.act[number], self.arg[number], self.target[number] = d % len(CALLBACK_ACTS), e, number_of(thing)
            self.fins[a % FINALIZERS] = Finalize(thing, call_finalizer, number, self.roots[c % ROOTS])

    def op_fin_call(self, a, b, c, d, e):
        fin = self.fins[a % FINALIZERS]
        if fin is not None:
            self.emit('told', bool(fin()))

    def op_fin_detach(self, a, b, c, d, e):
        fin = self.fins[a % FINALIZERS]
        if fin is not None:
            self.emit('told', self.detach(fin))

    def detach(self, fin):
        """As fin.detach(), which would hold the object while it releases what the finalizer held."""
        return weakref.finalize._registry.pop(fin, None) is not None

    def op_fin_peek(self, a, b, c, d, e):
        fin = self.fins[b % FINALIZERS]
        if fin is not None:
            self.roots[a % ROOTS] = self.told((fin.peek() or [None])[0])

    def op_fin_alive(self, a, b, c, d, e):
        fin = self.fins[a % FINALIZERS]
        if fin is not None:
            self.emit('told', fin.alive)

    def op_fin_drop(self, a, b, c, d, e):
        self.fins[a % FINALIZERS] = None

    def op_fin_run(self, a, b, c, d, e):
        weakref.finalize._exitfunc()
        weakref.finalize._shutdown = False

    def op_fin_atexit(self, a, b, c, d, e):
        fin = self.fins[a % FINALIZERS]
        if fin is not None:
            fin.atexit = b % 2 == 1
            self.emit('told', fin.atexit)
            self.number()  # the other twin needs one

    def op_collect(self, a, b, c, d, e):
        self.emit('result', self.collect(a % 3))
        self.op_state(0, 0, 0, 0, 0)

    def op_saveall(self, a, b, c, d, e):
        def tell():
            self.forget_saved(set(map(number_of, gc.garbage)))
            gc.set_debug(0)
            for thing in gc.garbage:
                if type(thing) is Sentinel:
                    thing.loop = None
                else:
                    self.emit('garbage', number_of(thing))
            thing = None
            gc.garbage.clear()
        gc.set_debug(gc.DEBUG_SAVEALL)
        self.emit('result', self.collect_with(a % 3, tell))
        self.op_state(0, 0, 0, 0, 0)

    def forget_saved(self, numbers):
        """Weak references to what saveall has saved stay dead, whatever becomes of that."""
        self.weak_target = [0 if number in numbers else number for number in self.weak_target]
        for index, weak in enumerate(self.weak_made):
            if weak is not None and number_of(weak()) in numbers:
                self.weak_made[index] = lambda: None

    def op_count(self, a, b, c, d, e):
        self.emit('count', *gc.get_count()[1:])

    def op_query(self, a, b, c, d, e):
        thing = self.roots[a % ROOTS]
        if thing is None:
            return
        number = number_of(thing)
        self.emit('query', number, gc.is_tracked(thing), gc.is_finalized(thing) and type(thing) is not Ref)
        self.emit('refcount', number, sys.getrefcount(thing) - 2)
        for referent in gc.get_referents(thing):
            if number_of(referent):
                self.emit('referent', number_of(referent))
        for weak in weakref.getweakrefs(thing) if type(thing) not in NOT_WEAK else ():
            if type(weak) is Ref:
                self.emit('weak', weak.id)
            elif weak.__callback__ is None:
                self.emit('weak', SHARED)

    def op_referrers(self, a, b, c, d, e):
        thing = self.roots[a % ROOTS]
        if thing is not None and not self.frozen:
            for number in sorted(filter(None, map(number_of, gc.get_referrers(thing)))):
                self.emit('referrer', number)

    def op_freeze(self, a, b, c, d, e):
        for generation in range(3):
            self.mark_old(generation)
        gc.freeze()
        self.frozen = True

    def op_unfreeze(self, a, b, c, d, e):
        if self.frozen:
            gc.unfreeze()
            self.frozen = False

    def op_state(self, a, b, c, d, e):
        """Who is alive, and in which generation. Objects that are frozen are not to be seen in CPython."""
        if self.frozen:
            return
        alive = {}
        for generation in range(3):
            for thing in gc.get_objects(generation=generation):
                if type(thing) in OURS and number_of(thing):
                    late = type(thing) is Ref and thing.demoted == DEMOTED
                    alive[number_of(thing)] = 2 if late else generation
                    self.add_untracked(gc.get_referents(thing), alive)
        self.add_untracked(self.roots, alive)
        self.add_untracked(self.reserved, alive)
        self.add_untracked([fin.peek()[2][1] for fin in weakref.finalize._registry if fin.peek()], alive)
        for number in sorted(alive):
            self.emit('object', number, alive[number])

    def add_untracked(self, things, alive):
        for thing in things:
            if number_of(thing) and not gc.is_tracked(thing):
                alive[number_of(thing)] = 3
                self.add_untracked(gc.get_referents(thing), alive)

    # ------------------------------------------------------------ a program

    def run(self, program):
        """The events of a program."""
        self.begin(program.mode)
        for index, (code, *arguments) in enumerate(program.ops):
            self.emit('op', index)
            self.ops[code](*arguments)
        self.op_state(0, 0, 0, 0, 0)
        self.end()
        return self.log

    def end(self):
        self.quiet = True
        if self.frozen:
            gc.unfreeze()
            self.frozen = False
        for table, size in ((self.roots, ROOTS), (self.reserved, 256), (self.weak, WEAK), (self.weak_made, 256),
                            (self.fins, FINALIZERS)):
            table[:] = [None] * size
        weakref.finalize._registry.clear()
        gc.collect()
        self.emit('end', sum(type(thing) in OURS and number_of(thing) != 0 for thing in gc.get_objects()), 0)


machine = Machine()


def complain(unraisable):
    """An exception in a finalizer or callback is a defect of this file: tell it at the end of the program."""
    machine.log.append(0xff << 24)
    sys.__excepthook__(unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)


def start():
    """Once in a process: make the interpreter quiet, and learn how a weak reference that goes with its callback is counted."""
    weakref.finalize._registered_with_atexit = True
    sys.unraisablehook = complain
    gc.disable()
    gc.collect()
    gc.callbacks.append(machine.tell_collection)
    machine.begin(0)
    thing = machine.new(One, 1)
    machine.new_ref(thing, 2, None, 0, 0)
    thing.a = thing
    machine.roots[0] = machine.new_ref(thing, 2, None, CALLBACK_ACTS.index('drop_self'), 0)
    del thing
    collected = machine.collect(2)
    assert machine.freed == 2 and collected == 1, 'this Python counts weak references that go in their callbacks otherwise'
    machine.end()

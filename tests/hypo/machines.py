"""State machines: what is done to one of ouro's values is done to Python's, and both must agree after every step."""
import ctypes

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from library import ERRORS, LEFT_OUT

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=8) | st.text("ab ,\n\u00e4\u20ac\U0001f600", max_size=24)
SIMPLE = st.integers(-8, 8) | st.integers(-2 ** 70, 2 ** 70) | st.sampled_from("abcdefgh") | TEXT
KEYS = SIMPLE | st.booleans() | st.none() | st.sampled_from([1.0, 2.5, -0.0, 1e300]) | st.tuples(st.integers(0, 3), st.sampled_from("ab"))
INDEXES = st.integers(-12, 12)
BOUNDS = st.none() | st.integers(-10, 10)
STEPS = st.none() | st.integers(-3, 3).filter(bool)


def bound(value):
    return LEFT_OUT if value is None else value


def same(first, second):
    """Equal, and of the same types all the way down: 1 is not true here."""
    if type(first) is not type(second):
        return False
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict):
        return same(list(first.items()), list(second.items()))
    return repr(first) == repr(second) or (isinstance(first, (set, frozenset)) and first == second)


class Machine(RuleBasedStateMachine):
    library = None  # set by who runs it
    steps = 0

    def make(self, value):
        return self.library.make(value)

    def with_(self, value, function):
        """What `function` says of a value made for it."""
        address = self.make(value)
        try:
            return function(address)
        finally:
            self.library.drop(address)

    def give(self, name, *arguments):
        """What a function with a slot gives, or the code."""
        code, address = self.library.give(name, *arguments)
        return (code, self.library.taken(address)) if address and code >= 0 and (code or name.startswith("list")) else (code, None)

    def teardown(self):
        self.library.drop(self.ours)
        wrong = self.library.verify()
        assert not wrong, wrong

    @invariant()
    def they_agree(self):
        Machine.steps += 1
        found = self.library.read(self.ours)
        assert same(found, self.model), (found, self.model)


class Lists(Machine):
    @initialize(items=st.lists(SIMPLE, max_size=12))
    def begin(self, items):
        self.model, self.ours = list(items), self.make(items)

    def expect(self, code, action, error):
        """Python raises just where ouro gives the error."""
        try:
            result = action()
        except (IndexError, ValueError):
            assert code == ERRORS[error], code
            return None
        assert code >= 0, code
        return result

    @rule(item=KEYS)
    def append(self, item):
        assert self.with_(item, lambda it: self.library.call("list_append", self.ours, it)) == 0
        self.model.append(item)

    @rule(index=INDEXES, item=SIMPLE)
    def insert(self, index, item):
        assert self.with_(item, lambda it: self.library.call("list_insert", self.ours, index, it)) == 0
        self.model.insert(index, item)

    @rule(index=INDEXES)
    def get(self, index):
        code, found = self.give("list_get", self.ours, index)
        expected = self.expect(code, lambda: self.model[index], "EINDEX")
        assert same(found, expected)

    @rule(index=INDEXES, item=SIMPLE)
    def set(self, index, item):
        code = self.with_(item, lambda it: self.library.call("list_set", self.ours, index, it))
        self.expect(code, lambda: self.model.__setitem__(index, item), "EINDEX")

    @rule(index=INDEXES)
    def pop(self, index):
        code, found = self.give("list_pop", self.ours, index)
        expected = self.expect(code, lambda: self.model.pop(index), "EINDEX")
        assert same(found, expected)

    @rule(index=INDEXES)
    def delete(self, index):
        code = self.library.call("list_delete", self.ours, index)
        self.expect(code, lambda: self.model.__delitem__(index), "EINDEX")

    @rule(items=st.lists(SIMPLE, max_size=6))
    def extend(self, items):
        assert self.with_(items, lambda it: self.library.call("list_extend", self.ours, it)) == 0
        self.model.extend(items)

    @rule()
    def extend_by_itself(self):
        if len(self.model) > 200:
            return
        assert self.library.call("list_extend", self.ours, self.ours) == 0
        self.model.extend(self.model)

    @rule(item=SIMPLE)
    def search(self, item):
        expected = 1 if item in self.model else 0
        assert self.with_(item, lambda it: self.library.call("list_contains", self.ours, it)) == expected
        assert self.with_(item, lambda it: self.library.call("list_remove", self.ours, it)) == expected
        if expected:
            self.model.remove(item)

    @rule(start=BOUNDS, stop=BOUNDS, step=STEPS)
    def slice(self, start, stop, step):
        found = self.library.new("list_slice", self.ours, bound(start), bound(stop), step or 1)
        assert same(self.library.taken(found), self.model[start:stop:step])

    @rule(start=BOUNDS, stop=BOUNDS, step=STEPS, items=st.lists(SIMPLE, max_size=5))
    def slice_set(self, start, stop, step, items):
        code = self.with_(items, lambda it: self.library.call("list_slice_set", self.ours, bound(start), bound(stop), step or 1, it))
        self.expect(code, lambda: self.model.__setitem__(slice(start, stop, step), items), "EINVAL")

    @rule(start=BOUNDS, stop=BOUNDS, step=STEPS)
    def slice_delete(self, start, stop, step):
        assert self.library.call("list_slice_delete", self.ours, bound(start), bound(stop), step or 1) == 0
        del self.model[start:stop:step]

    @rule(reverse=st.booleans())
    def sort(self, reverse):
        code = self.library.call("list_sort", self.ours, 0, int(reverse))
        try:
            self.model.sort(reverse=reverse)
        except TypeError:
            assert code == ERRORS["ETYPE"]
            left = self.library.read(self.ours)  # some order of the same items
            assert sorted(map(repr, left)) == sorted(map(repr, self.model))
            self.model = left
        else:
            assert code == 0

    @rule()
    def reverse(self):
        self.library.call("list_reverse", self.ours)
        self.model.reverse()

    @rule()
    def clear(self):
        self.library.call("list_clear", self.ours)
        self.model.clear()

    @rule(times=st.integers(-1, 3))
    def repeat(self, times):
        if len(self.model) > 100:
            return
        assert self.library.call("list_repeat_in_place", self.ours, times) == 0
        self.model *= times

    @rule()
    def copies(self):
        for name in ("copy", "deepcopy", "list_from"):
            assert same(self.library.taken(self.library.new(name, self.ours)), self.model)


class Dicts(Machine):
    @initialize(items=st.dictionaries(KEYS, SIMPLE, max_size=12))
    def begin(self, items):
        self.model, self.ours = dict(items), self.make(items)

    @rule(key=KEYS, value=SIMPLE)
    def set(self, key, value):
        def put(pair):
            return self.with_(value, lambda it: self.library.call("dict_set", self.ours, pair, it))
        assert self.with_(key, put) == 0
        self.model[key] = value

    @rule(keys=st.lists(st.integers(0, 3000), min_size=1, max_size=60))
    def set_many(self, keys):
        for key in keys:
            self.set(key, key)

    @rule(key=KEYS)
    def get(self, key):
        code, found = self.with_(key, lambda it: self.give("dict_get", self.ours, it))
        assert code == (key in self.model)
        assert same(found, self.model.get(key))

    @rule(key=KEYS)
    def delete(self, key):
        code = self.with_(key, lambda it: self.library.call("dict_delete", self.ours, it))
        assert code == (key in self.model)
        self.model.pop(key, None)

    @rule(index=st.integers(0, 40))
    def delete_one_that_is_there(self, index):
        if self.model:
            self.delete(list(self.model)[index % len(self.model)])

    @rule(key=KEYS)
    def pop(self, key):
        code, found = self.with_(key, lambda it: self.give("dict_pop", self.ours, it))
        assert code == (key in self.model)
        assert same(found, self.model.pop(key, None))

    @rule(key=KEYS, value=SIMPLE)
    def set_default(self, key, value):
        def put(pair):
            return self.with_(value, lambda it: self.library.give("dict_set_default", self.ours, pair, it))
        code, found = self.with_(key, put)
        assert code >= 0
        assert same(self.library.taken(found), self.model.setdefault(key, value))

    @rule()
    def popitem(self):
        if self.model:
            key, value = self.model.popitem()
            assert self.pops_last() == (repr(key), repr(value))

    def pops_last(self):

        key, value = ctypes.c_void_p(), ctypes.c_void_p()
        assert self.library.call("dict_popitem", self.ours, ctypes.byref(key), ctypes.byref(value)) == 1
        return repr(self.library.taken(key.value)), repr(self.library.taken(value.value))

    @rule(items=st.dictionaries(KEYS, SIMPLE, max_size=6))
    def update(self, items):
        assert self.with_(items, lambda it: self.library.call("dict_update", self.ours, it)) == 0
        self.model.update(items)

    @rule(items=st.dictionaries(KEYS, SIMPLE, max_size=6))
    def merged(self, items):
        found = self.with_(items, lambda it: self.library.new("dict_merged", self.ours, it))
        assert same(self.library.taken(found), self.model | items)

    @rule()
    def views(self):
        assert same(self.library.taken(self.library.new("dict_keys", self.ours)), list(self.model))
        assert same(self.library.taken(self.library.new("dict_values", self.ours)), list(self.model.values()))
        assert same(self.library.taken(self.library.new("dict_items", self.ours)), list(self.model.items()))

    @rule()
    def copies(self):
        for name in ("copy", "deepcopy"):
            copy = self.library.new(name, self.ours)
            assert self.library.call("equal", copy, self.ours) == 1
            assert same(self.library.taken(copy), self.model)

    @rule()
    def clear(self):
        self.library.call("dict_clear", self.ours)
        self.model.clear()


class Sets(Machine):
    ALGEBRA = (("union", set.union), ("intersection", set.intersection), ("difference", set.difference),
               ("symmetric_difference", set.symmetric_difference))
    ASKING = (("is_subset", set.issubset), ("is_superset", set.issuperset), ("is_disjoint", set.isdisjoint))

    @initialize(items=st.sets(KEYS, max_size=12))
    def begin(self, items):
        self.model, self.ours = set(items), self.make(items)

    @rule(item=KEYS)
    def add(self, item):
        code = self.with_(item, lambda it: self.library.call("set_add", self.ours, it))
        assert code == (item not in self.model)
        self.model.add(item)

    @rule(item=KEYS)
    def discard(self, item):
        code = self.with_(item, lambda it: self.library.call("set_discard", self.ours, it))
        assert code == (item in self.model)
        self.model.discard(item)

    @rule(item=KEYS)
    def contains(self, item):
        assert self.with_(item, lambda it: self.library.call("set_contains", self.ours, it)) == (item in self.model)

    @rule(items=st.sets(KEYS, max_size=8), kind=st.sampled_from((set, frozenset, list)))
    def algebra(self, items, kind):
        for name, expected in self.ALGEBRA:
            found = self.with_(kind(items), lambda it, name=name: self.library.new("set_" + name, self.ours, it))
            assert self.library.taken(found) == expected(self.model, items), name
        for name, expected in self.ASKING:
            found = self.with_(kind(items), lambda it, name=name: self.library.call("set_" + name, self.ours, it))
            assert found == expected(self.model, items), name

    @rule(items=st.sets(KEYS, max_size=8), which=st.sampled_from(("update", "intersection_update", "difference_update",
                                                                   "symmetric_difference_update")))
    def in_place(self, items, which):
        assert self.with_(items, lambda it: self.library.call("set_" + which, self.ours, it)) == 0
        getattr(self.model, which)(items)

    @rule()
    def frozen(self):
        first, second = self.library.new("frozenset_new", self.ours), self.make(frozenset(reversed(list(self.model))))
        assert self.library.call("equal", first, second) == 1
        hashes = [self.hash(first), self.hash(second)]
        assert hashes[0] == hashes[1]
        self.library.drop(first, second)

    def hash(self, address):

        word = ctypes.c_uint64()
        assert self.library.call("hash", address, ctypes.byref(word)) == 0
        return word.value


class Strings(Machine):
    @initialize(text=TEXT)
    def begin(self, text):
        self.model, self.ours = text, self.make(text)

    def becomes(self, address, text):
        """Long ones are cut, so that they do not grow for ever."""
        self.library.drop(self.ours)
        self.ours, self.model = address, text
        if len(text) > 300:
            cut = self.library.new("str_slice", self.ours, 0, 50, 1)
            self.library.drop(self.ours)
            self.ours, self.model = cut, text[:50]

    @rule(text=TEXT)
    def concat(self, text):
        self.becomes(self.with_(text, lambda it: self.library.new("str_concat", self.ours, it)), self.model + text)

    @rule(times=st.integers(-1, 3))
    def repeat(self, times):
        self.becomes(self.library.new("str_repeat", self.ours, times), self.model * times)

    @rule(start=BOUNDS, stop=BOUNDS, step=STEPS)
    def slice(self, start, stop, step):
        found = self.library.new("str_slice", self.ours, bound(start), bound(stop), step or 1)
        assert self.library.taken(found) == self.model[start:stop:step]

    @rule(what=TEXT, start=BOUNDS, stop=BOUNDS)
    def find(self, what, start, stop):
        for name, function in (("str_find", self.model.find), ("str_find_last", self.model.rfind)):
            found = self.with_(what, lambda it, name=name: self.library.call(name, self.ours, it, bound(start), bound(stop)))
            assert found == function(what, start, stop), (name, found)
        self.with_(what, lambda it: self.look(it, what))

    def look(self, it, what):
        assert self.library.call("str_contains", self.ours, it) == (what in self.model)
        assert self.library.call("str_count_of", self.ours, it) == self.model.count(what)
        assert self.library.call("str_starts", self.ours, it) == self.model.startswith(what)
        assert self.library.call("str_ends", self.ours, it) == self.model.endswith(what)

    @rule(start=st.integers(0, 30), length=st.integers(1, 4))
    def find_what_is_there(self, start, length):
        self.find(self.model[start:start + length], None, None)

    @rule(separator=st.none() | st.sampled_from([",", " ", "ab", "\u20ac", "\n"]), most=st.integers(-1, 3))
    def split(self, separator, most):
        def cut(it):
            return self.library.taken(self.library.new("str_split", self.ours, it, most))
        found = cut(0) if separator is None else self.with_(separator, cut)
        assert found == self.model.split(separator, most)

    @rule(keep=st.booleans())
    def split_lines(self, keep):
        assert self.library.taken(self.library.new("str_split_lines", self.ours, int(keep))) == self.model.splitlines(keep)

    @rule(parts=st.lists(TEXT, max_size=5))
    def join(self, parts):
        found = self.with_(parts, lambda it: self.library.new("str_join", self.ours, it))
        assert self.library.taken(found) == self.model.join(parts)

    @rule(points=st.none() | st.sampled_from([" ,", "ab", "\u00e4"]))
    def strip(self, points):
        for name, function in (("str_strip", self.model.strip), ("str_lstrip", self.model.lstrip), ("str_rstrip", self.model.rstrip)):
            def cut(it, name=name):
                return self.library.taken(self.library.new(name, self.ours, it))
            assert (cut(0) if points is None else self.with_(points, cut)) == function(points), name

    @rule(old=st.sampled_from(["", "a", "ab", " ", "\u20ac"]), new=TEXT, most=st.integers(-1, 3))
    def replace(self, old, new, most):
        def change(it):
            return self.with_(new, lambda to: self.library.new("str_replace", self.ours, it, to, most))
        self.becomes(self.with_(old, change), self.model.replace(old, new, most))

    @rule(separator=st.sampled_from([",", "ab", "\u20ac"]))
    def partition(self, separator):
        for name, function in (("str_partition", self.model.partition), ("str_partition_last", self.model.rpartition)):
            found = self.with_(separator, lambda it, name=name: self.library.new(name, self.ours, it))
            assert self.library.taken(found) == function(separator)

    @rule(other=TEXT)
    def compare(self, other):
        def order(it):

            found = ctypes.c_int()
            assert self.library.call("compare", self.ours, it, ctypes.byref(found)) == 0
            return (found.value > 0) - (found.value < 0)
        assert self.with_(other, order) == (self.model > other) - (self.model < other)
        assert self.with_(other, lambda it: self.library.call("equal", self.ours, it)) == (self.model == other)

    @rule()
    def interned(self):
        first, again = self.library.new("intern", self.ours), self.make(self.model)
        second = self.library.new("intern", again)
        assert first == second
        assert self.library.read(first) == self.model
        self.library.drop(first, second, again)


ALL = {"list": Lists, "dict": Dicts, "set": Sets, "str": Strings}

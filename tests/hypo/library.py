"""libouro.so through ctypes, and Python's values as ouro's and back."""
import ctypes
import ctypes.util

LEFT_OUT = -(1 << 63)
OK, YES, NO = 0, 1, 0
ERRORS = {"ENOMEM": -1, "EINVAL": -2, "EBUSY": -3, "EPERM": -6, "ETYPE": -7, "EHASH": -8, "EKEY": -9, "EINDEX": -10, "ERANGE": -11,
          "EUTF8": -12, "ECHANGED": -13, "EDEEP": -14, "ERAISED": -15, "ESYNTAX": -16}

POINTERS = """list_new list_from list_slice list_concat list_repeat sorted tuple_new dict_new dict_keys dict_values dict_items dict_merged set_new
    set_from frozenset_new set_union set_intersection set_difference set_symmetric_difference str_new str_slice str_get str_concat str_repeat
    str_join str_split str_split_lines str_partition str_partition_last str_strip str_lstrip str_rstrip str_replace str_ascii_upper
    str_ascii_lower intern repr str_of copy deepcopy float_new int_from_text bytes_new newref""".split()
SIZES = "list_count dict_count set_count str_count_of interned_count".split()
SIGNED = "str_find str_find_last".split()
BOOLS = "str_contains str_starts str_ends str_equal".split()


class Library:
    """Functions of the library by their names without `ouro_`; those that give an object give its address, or 0."""

    def __init__(self, path):
        self.dll = ctypes.CDLL(path, use_errno=True)
        for names, kind in ((POINTERS, ctypes.c_void_p), (SIZES, ctypes.c_size_t), (SIGNED, ctypes.c_ssize_t), (BOOLS, ctypes.c_bool)):
            for name in names:
                if hasattr(self.dll, "ouro_" + name):
                    getattr(self.dll, "ouro_" + name).restype = kind
        self.dll.ouro__int_make.restype = ctypes.c_void_p
        self.types = {name: ctypes.addressof(ctypes.c_char.in_dll(self.dll, symbol)) for name, symbol in (
            ("int", "ouro_int_type"), ("big", "ouro__big_int_type"), ("float", "ouro_float_type"), ("str", "ouro_str_type"),
            ("interned", "ouro__interned_str_type"), ("tuple", "ouro_tuple_type"), ("list", "ouro_list_type"), ("dict", "ouro_dict_type"),
            ("set", "ouro_set_type"), ("frozenset", "ouro_frozenset_type"))}
        self.names = {address: name for name, address in self.types.items()}
        self.constants = {value: ctypes.addressof(ctypes.c_char.in_dll(self.dll, f"ouro_{name}_object"))
                          for value, name in ((None, "none"), (True, "true"), (False, "false"))}
        self.values = {address: value for value, address in self.constants.items()}

    def call(self, name, *arguments):
        """Integers are passed as 64-bit words, which addresses, indexes and sizes are."""
        words = [ctypes.c_int64(word) if isinstance(word, int) else word for word in arguments]
        return getattr(self.dll, "ouro_" + name)(*words)

    def new(self, name, *arguments):
        address = self.call(name, *arguments)
        assert address, (name, arguments, ctypes.get_errno())
        return address

    def give(self, name, *arguments):
        """A function with a slot at its end: (code, address or None)."""
        slot = ctypes.c_void_p()
        code = self.call(name, *arguments, ctypes.byref(slot))
        return code, slot.value

    def drop(self, *addresses):
        for address in addresses:
            self.call("list_append_move", self.bin, address)
        self.call("list_clear", self.bin)

    @property
    def bin(self):
        """ouro_decref is inline, so what is to be released goes into a list that is cleared."""
        if not hasattr(self, "bin_"):
            self.bin_ = self.new("list_new")
        return self.bin_

    # ------------------------------------------------------------ values

    def make(self, value):
        """A new reference to a value like it."""
        if value is None or value is True or value is False:
            return self.constants[value]
        if isinstance(value, int):
            text = str(value).encode()
            return self.new("int_from_text", text, len(text), 10)
        if isinstance(value, float):
            self.dll.ouro_float_new.argtypes = [ctypes.c_double]
            return self.dll.ouro_float_new(value)
        if isinstance(value, str):
            text = value.encode()
            return self.new("str_new", text, len(text))
        items = [self.make(item) for item in (value.items() if isinstance(value, dict) else value)]
        array = (ctypes.c_void_p * max(1, len(items)))(*items)
        made = self.new("tuple_new", len(items), ctypes.cast(array, ctypes.c_void_p))
        self.drop(*items)
        if isinstance(value, tuple):
            return made
        if isinstance(value, dict):
            result = self.new("dict_new")
            assert self.call("dict_update", result, made) == OK
        else:
            result = self.new({list: "list_from", set: "set_from", frozenset: "frozenset_new"}[type(value)], made)
        self.drop(made)
        return result

    def type_name(self, address):
        word = ctypes.c_uint64.from_address(address + 8).value
        return self.names.get(word & 0x0000fffffffffff0)

    def text(self, address):
        count = ctypes.c_size_t.from_address(address + 16).value
        return ctypes.string_at(address + 32, count).decode()

    def read(self, address):
        """The value of Python that it is like."""
        if address in self.values:
            return self.values[address]
        name = self.type_name(address)
        if name in ("str", "interned"):
            return self.text(address)
        if name in ("int", "big", "float"):
            shown = self.new("repr", address)
            value = self.text(shown)
            self.drop(shown)
            return float(value) if name == "float" else int(value)
        if name == "dict":
            return dict(self.items(address))
        items = self.walked(address)
        return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[name](items)

    def walked(self, address):
        code, iterator = self.give("iterate", address)
        assert code == OK
        items = []
        while True:
            code, item = self.give("next", iterator)
            if code != 1:
                break
            items.append(self.read(item))
            self.drop(item)
        assert code == 0, code
        self.drop(iterator)
        return items

    def items(self, address):
        """In order."""
        cursor, key, value = ctypes.c_size_t(0), ctypes.c_void_p(), ctypes.c_void_p()
        found = []
        while self.call("dict_next", address, ctypes.byref(cursor), ctypes.byref(key), ctypes.byref(value)) == 1:
            found.append((self.read(key.value), self.read(value.value)))
            self.drop(key.value, value.value)
        return found

    def taken(self, address):
        """What a new reference is like, and the reference is gone."""
        value = self.read(address)
        self.drop(address)
        return value

    def verify(self):
        """What ouro_gc_verify finds wrong; an empty text: nothing."""
        text = ctypes.create_string_buffer(400)
        self.dll.ouro_gc_verify.restype = ctypes.c_size_t
        return text.value.decode() if self.dll.ouro_gc_verify(text, ctypes.c_size_t(400)) else ""

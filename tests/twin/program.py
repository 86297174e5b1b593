"""Programs for the twin test: what an operation is, how random programs are made, how one is read by people and by the C twin.

A program is a mode and a list of operations; an operation is six small numbers: its code and five arguments. Every argument is
taken modulo what it selects from, so that any six bytes are an operation and a program stays one when operations are left out.

The machine that runs them has general ROOTS, a RESERVED root for each object (where finalizers and callbacks put what they make
or save, so that the order among them does not matter), shared weak references, and finalizers (weakref.finalize). Objects are
numbered as they are made; what the finalizer or callback with number x makes has the number 128 + x.

Modes: a program that has RESURRECTING finalizers does not let finalizers change their slots inside a collection. With both, a
child might be resurrected by its own death or survive it, depending on the order of finalizers, which nobody promises."""

import struct

ROOTS = 8
WEAK = 6
FINALIZERS = 4
MOST_OBJECTS = 100  # numbers up to here; those made by finalizers are 128 above

MODE_RESURRECTING = 1

OPS = ('make link unlink drop move copy take weak weak_drop ref up up_ref up_made fin fin_call fin_detach fin_peek fin_alive '
       'fin_drop fin_run fin_atexit collect count query referrers freeze unfreeze saveall state ring chain drop_many').split()
CODE = {name: code for code, name in enumerate(OPS)}

# Kinds of objects. What a "slot" is, kind by kind: first the slots of the type in the order in which they are released, then
# items.
KINDS = ('one two three final derived list list_final tagged tuple leaf leaf_final empty').split()
TUPLE = KINDS.index('tuple')
FINAL_KINDS = [KINDS.index(name) for name in ('final', 'derived', 'list_final', 'tagged', 'leaf_final', 'empty')]
PLAIN_KINDS = [KINDS.index(name) for name in ('one', 'two', 'three', 'list', 'tuple', 'leaf')]

# What a finalizer does, and what the callback of a weak reference or of a finalizer of others does.
ACTS = 'nothing resurrect clear_slot drop_root weak_self make collect upgrade in_and_out ref_self loop'.split()
CALLBACK_ACTS = 'nothing drop_root make collect save_held upgrade drop_self'.split()
RESURRECT = ACTS.index('resurrect')


class Program:
    def __init__(self, mode, ops):
        self.mode = mode
        self.ops = ops

    def pack(self):
        return struct.pack('<HBB', len(self.ops), self.mode, 0) + b''.join(bytes(op) for op in self.ops)

    def __str__(self):
        lines = [f'mode {"resurrecting" if self.mode & MODE_RESURRECTING else "plain"}']
        return '\n'.join(lines + [f'{number:3} {describe(op)}' for number, op in enumerate(self.ops)])


def describe(op):
    code, a, b, c, d, e = op
    name = OPS[code % len(OPS)]
    root, other = f'root{a % ROOTS}', f'root{b % ROOTS}'
    act = CALLBACK_ACTS[d % len(CALLBACK_ACTS)]
    if name == 'make':
        kind = KINDS[b % len(KINDS)]
        more = f' {c % 5} items' if kind in ('list', 'list_final', 'tuple') else ''
        return f'{root} = {kind}{more}' + (f' whose finalizer does {ACTS[d % len(ACTS)]} {e}' if b in FINAL_KINDS else f' {d} {e}')
    if name == 'ref':
        return f'{root} = weak reference to {other}, holds root{c % ROOTS}, callback does {act} {e}'
    if name == 'fin':
        return f'finalizer{a % FINALIZERS} of {other}, holds root{c % ROOTS}, does {act} {e}'
    texts = {
        'link': f'{root}[{b}] = root{c % ROOTS}', 'unlink': f'{root}[{b}] = none', 'drop': f'{root} = none',
        'move': f'{root} = {other}[{c}]', 'copy': f'{root} = {other}', 'take': f'{root} = reserved root no. {b}, which is emptied',
        'weak': f'weak{a % WEAK} = shared weak reference to {other}', 'weak_drop': f'weak{a % WEAK} = none',
        'up': f'{root} = what weak{b % WEAK} refers to', 'up_ref': f'{root} = what the weak reference in {other} refers to',
        'up_made': f'{root} = what the weak reference no. {b} of those made by finalizers refers to',
        'fin_peek': f'{root} = object of finalizer{b % FINALIZERS}', 'collect': f'collect {a % 3}',
        'saveall': f'collect {a % 3} with saveall', 'query': f'query {root}', 'referrers': f'referrers of {root}',
        'ring': f'root{a % ROOTS}[{c}] = next root, {b % ROOTS + 1} of them in a ring',
        'chain': f'root{a % ROOTS}[{c}] = next root, which is dropped, {b % ROOTS + 1} of them in a chain',
        'drop_many': f'{b % ROOTS + 1} roots from root{a % ROOTS} on = none',
        'fin_atexit': f'finalizer{a % FINALIZERS} at exit: {b % 2}'}
    if name in texts:
        return texts[name]
    return f'{name}{a % FINALIZERS}' if name.startswith('fin_') and name != 'fin_run' else name


# How often each operation comes, against the others. Each program varies them.
WEIGHTS = {
    'make': 22, 'link': 22, 'unlink': 4, 'drop': 9, 'move': 4, 'copy': 3, 'take': 3, 'weak': 6, 'weak_drop': 1, 'ref': 9, 'up': 4,
    'up_ref': 2, 'up_made': 2, 'fin': 5, 'fin_call': 1, 'fin_detach': 1, 'fin_peek': 1, 'fin_alive': 2, 'fin_drop': 1, 'fin_run': 0.5,
    'fin_atexit': 0.5, 'collect': 9, 'count': 1, 'query': 6, 'referrers': 1, 'freeze': 0.05, 'unfreeze': 0.05, 'saveall': 0.6,
    'state': 1, 'ring': 4, 'chain': 4, 'drop_many': 4,
}
NAMES = list(WEIGHTS)
assert set(NAMES) == set(OPS)


def make_op(rng, mode, weights):
    op = [CODE[rng.choices(NAMES, weights)[0]]] + [rng.randrange(256) for _ in range(5)]
    name = OPS[op[0]]
    if name == 'make':
        op[2] = rng.choice(FINAL_KINDS if rng.random() < 0.5 else PLAIN_KINDS)
        acts = [act for act in range(len(ACTS)) if act != RESURRECT or mode & MODE_RESURRECTING]
        op[4] = rng.choice(acts + [RESURRECT] * 4 if mode & MODE_RESURRECTING else acts)
    elif name in ('ref', 'fin'):
        op[4] = rng.randrange(len(CALLBACK_ACTS)) if rng.random() < 0.6 else 0
        if rng.random() < 0.4:
            op[3] = op[1] if rng.random() < 0.2 else ROOTS - 1
    elif name == 'collect' and rng.random() < 0.4:
        op[1] = 2
    return op


def generate(rng):
    """A program. Some collect everything again and again, with little happening in between."""
    mode = rng.randrange(2)
    weights = [WEIGHTS[name] * rng.choice((0.3, 1, 1, 3)) for name in NAMES]
    full = 0.3 if rng.random() < 0.2 else 0
    ops, made = [], 0
    first = rng.randrange(2, ROOTS + 1)
    for index in range(first + rng.randrange(6, rng.choice((20, 50, 90)))):
        op = make_op(rng, mode, weights if index >= first else [name == 'make' for name in NAMES])
        op[1] = op[1] if index >= first else index
        made += OPS[op[0]] in ('make', 'ref', 'fin', 'fin_atexit')
        if made < MOST_OBJECTS:
            ops.append(op)
        if rng.random() < full and index >= first:
            ops.append([CODE['collect'], 2, 0, 0, 0, 0])
    return Program(mode, ops)

# What a run of a program tells, in both twins: a list of events, each of a code and three numbers below 256.
EVENTS = {
    'op': 'operation {0}',
    'finalize': 'finalizer of {0}',
    'callback': 'callback of weak reference {0}, number {1} of its object, whose finalizer has{3} run',
    'fin': 'finalizer of others {0}, number {1} of its object, whose finalizer has{3} run',
    'start': 'collection of {0} starts',
    'stop': 'collection of {0} stops, {1} collected',
    'result': 'collect gives {0}',
    'inner': 'collect inside the finalizer or callback {0} gives {1}',
    'up': 'upgrade gives {0}',
    'told': 'answer {0}',
    'count': 'counts of generations 1 and 2: {0} {1}',
    'object': 'object {0} lives, in generation {1} (3: untracked)',
    'query': 'object {0}: tracked {1}, finalized {2}',
    'refcount': 'object {0}: {1} references',
    'referent': 'refers to {0}',
    'weak': 'weak reference {0} to it (255: shared)',
    'referrer': 'referred to by {0}',
    'garbage': 'object {0} is on the garbage list',
    'end': '{0} objects are left, {1} things are wrong',
}
EVENT = {name: code for code, name in enumerate(EVENTS)}


def describe_event(event):
    code, a, b, c = event >> 24, event >> 16 & 255, event >> 8 & 255, event & 255
    texts = list(EVENTS.values())
    return texts[code].format(a, b, c, '' if c else ' not') if code < len(texts) else f'unknown event {event:#x}'

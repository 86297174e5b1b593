## One large structure that is garbage, found and freed by one collection; see collect.c. What lives costs ORC nothing, since it
## looks only at what lost a reference.
import measure

type Node = ref object
  left, right: Node

var
  all: seq[Node]
  state = 7'u64

proc below(limit: int): int =
  state = state xor (state shr 12)
  state = state xor (state shl 25)
  state = state xor (state shr 27)
  int((((state * 0x2545F4914F6CDD1D'u64) shr 32) * uint64(limit)) shr 32)

proc makeList(objects: int) =
  for i in 0 ..< objects - 1:
    all[i].left = all[i + 1]
    all[i + 1].right = all[i]

proc makeTree(objects: int) =
  for i in 0 ..< objects:
    all[i].left = all[if 2 * i + 1 < objects: 2 * i + 1 else: 0]
    if 2 * i + 2 < objects: all[i].right = all[2 * i + 2]

proc makeRandom(objects: int) =
  var order = newSeq[int](objects)
  for i in 0 ..< objects: order[i] = i
  for i in countdown(objects - 1, 1): swap(order[i], order[below(i + 1)])
  for i in 0 ..< objects:
    all[order[i]].left = all[order[(i + 1) mod objects]]
    all[i].right = all[below(objects)]

proc main() =
  let shape = number(1, 0)
  let objects = number(2, 100_000)
  GC_disableOrc()
  all = newSeq[Node](objects)
  for i in 0 ..< objects: all[i] = Node()
  case shape
  of 0: makeList(objects)
  of 1: makeTree(objects)
  else: makeRandom(objects)
  let before = getOccupiedMem()
  all.setLen(0)
  GC_enableOrc()
  let start = measureNow()
  GC_fullCollect()
  report("dead_ns", (measureNow() - start) / objects.float)
  if before - getOccupiedMem() < objects * 2 * sizeof(Node):
    quit("workload failed: a collection did not find all that is garbage")

main()

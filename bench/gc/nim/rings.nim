## Rings of objects are made and dropped, and automatic collections must find them; see rings.c.
import measure

type Node = ref object
  left, right: Node

proc ring(length: int) {.noinline.} =
  let first = Node()
  var last {.cursor.} = first # borrowed, as in C: not counted
  for i in 2 .. length:
    last.left = Node()
    last = last.left
  last.left = first
  # Used once more, so that the line above copies the reference. ORC does not see a cycle that is closed by moving the last one.
  if first.left == nil: quit("workload failed: a ring is open")

proc main() =
  let length = number(1, 10)
  let rings = number(2, 10_000)
  let looks = number(3, 100)
  ring(length)
  takeBaseline()
  let start = measureNow()
  for i in 1 .. rings: ring(length)
  report("ring_ns", (measureNow() - start) / float(rings * length))
  let each = rings div looks + 1
  for i in 0 ..< rings:
    ring(length)
    if i mod each == 0: look()
  reportLooks()

main()

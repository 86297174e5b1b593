## An object of two references is made and dropped at once, over and over; see pair.c.
import measure

type Node = ref object
  left, right: Node

var
  other: Node                    # a page of objects does not come and go with each of them
  kept {.volatile.}: pointer     # the address leaves the loop, so that the object must really be made

proc pair() {.noinline.} =
  let n = Node()
  kept = cast[pointer](n)

proc main() =
  let pairs = number(1, 1_000_000)
  other = Node()
  let start = measureNow()
  for i in 1 .. pairs: pair()
  report("pair_ns", (measureNow() - start) / pairs.float)

main()

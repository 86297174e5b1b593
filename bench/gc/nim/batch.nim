## 1,024 objects of two references are made, then dropped in the same order, over and over; see batch.c.
import measure

const objects = 1024

type Node = ref object
  left, right: Node

var held: array[objects, Node]

proc main() =
  let rounds = number(1, 1000)
  let start = measureNow()
  for i in 1 .. rounds:
    for k in 0 ..< objects: held[k] = Node()
    for k in 0 ..< objects: held[k] = nil
  report("batch_ns", (measureNow() - start) / float(rounds * objects))

main()

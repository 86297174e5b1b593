## Resident memory of many objects of two references, by the object; see bytes.c.
import measure

type Node = ref object
  left, right: Node

var held: seq[Node]

proc main() =
  let objects = number(1, 1_000_000)
  held = newSeq[Node](objects)
  let other = Node()
  for i in 0 ..< objects: held[i] = other # so that the table itself is resident
  let before = resident()
  for i in 0 ..< objects: held[i] = Node()
  report("resident_bytes", float((resident() - before) * 1024) / objects.float)

main()

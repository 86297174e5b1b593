## A binary tree is made from its leaves up, walked, and dropped, over and over; see trees.c.
import measure

type Node = ref object
  left, right: Node

proc treeNew(depth: int): Node =
  result = Node()
  if depth > 0:
    result.left = treeNew(depth - 1)
    result.right = treeNew(depth - 1)

proc treeCount(n: Node): int =
  if n == nil: 0 else: 1 + treeCount(n.left) + treeCount(n.right)

proc once(depth, nodes: int) =
  let tree = treeNew(depth)
  if treeCount(tree) != nodes: quit("workload failed: a tree lost nodes")

proc main() =
  let depth = number(1, 16)
  let trees = number(2, 10)
  let nodes = (2 shl depth) - 1
  takeBaseline()
  let start = measureNow()
  for i in 1 .. trees: once(depth, nodes)
  report("tree_ns", (measureNow() - start) / float(trees * nodes))
  reportPeak()

main()

## Boehm's form of GCBench; see gcbench.c.
import measure

const
  arrayLength = 500_000
  leastDepth = 4

type Node = ref object
  left, right: Node
  i, j: int32

proc treeSize(depth: int): int = (2 shl depth) - 1

proc populate(depth: int, n: Node) =
  if depth == 0: return
  n.left = Node()
  n.right = Node()
  populate(depth - 1, n.left)
  populate(depth - 1, n.right)

proc makeTree(depth: int): Node =
  if depth == 0: return Node()
  Node(left: makeTree(depth - 1), right: makeTree(depth - 1))

proc topDown(depth: int) {.noinline.} =
  let tree = Node()
  populate(depth, tree)

proc bottomUp(depth: int) {.noinline.} =
  discard makeTree(depth)

proc timeConstruction(depth, stretch: int) =
  let times = 2 * treeSize(stretch) div treeSize(depth)
  for i in 1 .. times: topDown(depth)
  for i in 1 .. times: bottomUp(depth)

proc bench(stretch: int, numbers: var seq[float]) =
  bottomUp(stretch)
  let kept = Node()
  populate(stretch - 2, kept)
  for i in 0 ..< arrayLength div 2: numbers[i] = 1.0 / float(i + 1)
  for depth in countup(leastDepth, stretch - 2, 2): timeConstruction(depth, stretch)
  if kept.left == nil or numbers[1000] != 1.0 / 1001: quit("workload failed: what was to stay is damaged")

proc main() =
  let stretch = number(1, 18)
  var numbers = newSeq[float](arrayLength)
  takeBaseline()
  let start = measureNow()
  bench(stretch, numbers)
  report("gcbench_ms", (measureNow() - start) / 1e6)
  reportPeak()

main()

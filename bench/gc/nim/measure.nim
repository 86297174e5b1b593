## What the workloads in Nim need beside their own loop: arguments, processor time, resident memory, the report. The lines that
## they print are those of the programs in C, and so is the work: measure.h tells which.
import std/[os, strutils, algorithm]

type Timespec {.importc: "struct timespec", header: "<time.h>".} = object
  tv_sec {.importc.}: clong
  tv_nsec {.importc.}: clong

proc clock_gettime(id: cint, t: var Timespec): cint {.importc, header: "<time.h>".}
var CLOCK_PROCESS_CPUTIME_ID {.importc, header: "<time.h>".}: cint

proc measureNow*(): float =
  ## Processor time of the process, in nanoseconds.
  var t: Timespec
  if clock_gettime(CLOCK_PROCESS_CPUTIME_ID, t) != 0: quit("workload failed: clock_gettime")
  t.tv_sec.float * 1e9 + t.tv_nsec.float

proc number*(index, fallback: int): int =
  ## Argument `index` as a number, or `fallback` where there are fewer arguments.
  if index > paramCount(): fallback else: parseInt(paramStr(index))

proc report*(name: string, value: float) = echo name, " ", formatFloat(value, ffDecimal, 4)

proc procKib(path, name: string): int =
  for line in lines(path):
    if line.startsWith(name): return parseInt(line.splitWhitespace()[1])
  quit("workload failed: " & path)

proc resident*(): int = procKib("/proc/self/smaps_rollup", "Anonymous:")
  ## Resident memory without code and other files, in KiB.

var baseline, highest, before: int

proc takeBaseline*() =
  discard resident()
  try: writeFile("/proc/self/clear_refs", "5")
  except IOError: discard
  baseline = resident()
  highest = baseline
  before = procKib("/proc/self/status", "VmRSS:")

proc look*() = highest = max(highest, resident())
proc reportLooks*() = report("peak_kib", float(highest - baseline))
proc reportPeak*() = report("peak_mib", max(0, procKib("/proc/self/status", "VmHWM:") - before).float / 1024)

proc median*(values: seq[float]): float =
  let s = values.sorted()
  if s.len mod 2 == 1: s[s.len div 2] else: (s[s.len div 2 - 1] + s[s.len div 2]) / 2

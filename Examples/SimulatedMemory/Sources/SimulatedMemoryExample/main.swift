import JHash2Checksum
import PageChecksum
import PageMemory
import SimulatedMemory

// A program maps 1 TiB, marks all of it mergeable, and writes three pages.
let memory = SimulatedMemory(checksum: JHash2())
let program = AddressSpaceID(rawValue: 1)
let all = 0..<UInt64(1 << 28)
try memory.map(program, pages: all)
try memory.advise(program, all, .mergeable)
try memory.fill(program, 0..<2, with: 7)
try memory.store([1, 2, 3], at: 100, to: 99_999_999, of: program)

// The merger is told of an area, and finds what exists in it.
guard case .added(let area)? = memory.takeAreaChanges().first else { fatalError("nothing is mergeable") }
var runs: [ObservedRun] = []
try memory.observe(area.id, pages: 0..<area.pageCount, into: &runs)
for run in runs { print("\(run.count) pages at \(run.start): \(run.state)") }

// It lets two pages share a frame; the memory compares them byte for byte before.
let twins = (0..<2).map { PageAddress(area: area.id, index: $0) }
var digests: [PageDigest?] = []
memory.takeChecksums(of: twins, with: JHash2(), into: &digests)
let group = MergeGroup(source: .page(twins[0]), digest: digests[0]!, rowLength: 1)
var outcome = MergeOutcome()
memory.merge(
    MergePlan(groups: [group], sites: twins.map { MergeSite(page: $0, group: 0) }), into: &outcome)
for (page, answer) in zip(twins, outcome.sites) { print("page \(page.index): \(answer)") }

// A child shares everything. What it writes is its own, and where there is no memory for that, it is refused.
let child = try memory.fork(program)
try memory.store([9], to: 0, of: child)
print("page 0 of the program begins with \(try memory.load(0, of: program)[0])")
memory.allocationsUntilFailure = 0
do {
    try memory.store([9], to: 1, of: child)
} catch {
    print("a write without memory: \(error)")
}
print("against the contract: \(memory.violations.count), in its books: \(memory.bookkeepingViolations().count)")

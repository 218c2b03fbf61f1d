import FixedPolicy
import HashTableIndex
import Merger
import PageMemory
import Simulation
import XXHashChecksum

// The kernel's settings, but for a faster pace.
var settings = MergerConfiguration()
settings.rowLength = 1
settings.usesZeroPages = false
let parts = MergerParts(
    checksum: XXH64Checksum(), stableTree: HashTable(), unstableTree: HashTable(),
    policy: FixedPolicy(pagesToScan: 1000, sleepMillisecs: 20), configuration: settings)

// By hand: two programs, each with a hundred pages of the same content.
let machine = SimulatedMachine(parts: parts)
for number in 1...2 as ClosedRange<UInt32> {
    let program = AddressSpaceID(rawValue: number)
    try machine.memory.map(program, pages: 0..<100)
    try machine.memory.advise(program, 0..<100, .mergeable)
    try machine.memory.fill(program, 0..<100, with: 7)
}
_ = machine.scan(2)
print("\(machine.counters.pagesShared) frame, \(machine.counters.pagesSharing) pages saved")
try machine.set("run", to: "2")
print("\(machine.counters.pagesSharing) pages saved after \(machine.nanoseconds / 1_000_000) ms")

// As a scenario, with a timeline and with expectations.
let heap = Scenario.Place(program: "a", area: "heap")
var scenario = Scenario(name: "Sixty-four equal pages")
scenario.steps = [
    .init(.map(heap, pages: 64, kind: .anonymous, node: 0, isMergeable: true)),
    .init(.fill(heap, .byte(7))),
    .init(.scan(2)),
    .init(.expect([.init("pages_sharing", .equal, 63)])),
]
var run = ScenarioRun(scenario, parts: parts)
try run.finish()
for moment in run.timeline { print("\(moment.event): \(moment.counters.pagesSharing) pages saved") }
print("\(run.failures.count) expectations fail")

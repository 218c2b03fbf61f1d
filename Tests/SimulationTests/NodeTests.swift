import Merger
import ScanPolicy
import SimulatedMemory
import Simulation
import Testing

@Suite("NUMA nodes")
struct NodeTests {
    @Test("LTP ksm06: with merge_across_nodes 0 each node has its own frame", arguments: Setting.todays, [100, 10])
    func acrossNodes(setting: Setting, count: Int) throws {
        let machine = setting.makeMachine(limit: UInt32(2 * count), nodes: 2)
        for node in 0..<2 as Range<UInt8> {
            _ = try machine.start(UInt32(node) + 1, pages: UInt64(count), fill: "\n", node: node)
        }
        #expect(try machine.value(of: "merge_across_nodes") == "1")
        machine.expect(after: 3, [1, 2 * count - 1, 0, 0])
        let busy = #expect(throws: AttributeError.self) { try machine.set("merge_across_nodes", to: "0") }
        #expect(busy?.kernelError == "EBUSY")
        try machine.set("merge_across_nodes", to: "1")
        let invalid = #expect(throws: AttributeError.self) { try machine.set("merge_across_nodes", to: "2") }
        #expect(invalid?.kernelError == "EINVAL")

        try machine.set("run", to: "2")
        machine.expect([0, 0, 0, 0])
        try machine.set("merge_across_nodes", to: "0")
        try machine.set("run", to: "1")
        machine.expect(after: 3, [2, 2 * count - 2, 0, 0])
        try machine.set("run", to: "2")
        try machine.set("merge_across_nodes", to: "1")
        try machine.set("run", to: "1")
        machine.expect(after: 3, [1, 2 * count - 1, 0, 0])
    }

    @Test("one page of a content on each node: none merges", arguments: Setting.todays)
    func apart(setting: Setting) throws {
        let machine = setting.makeMachine(nodes: 3)
        try machine.set("merge_across_nodes", to: "0")
        for node in 0..<3 as Range<UInt8> { _ = try machine.start(UInt32(node) + 1, pages: 1, fill: "a", node: node) }
        machine.expect(after: 3, [0, 0, 3, 0])
        try machine.set("merge_across_nodes", to: "1")
        machine.expect(after: 2, [1, 2, 0, 0])
    }

    @Test("a memory with one node has no such attribute")
    func oneNode() throws {
        let machine = Setting().makeMachine()
        #expect(throws: AttributeError.unknown(name: "merge_across_nodes")) {
            try machine.value(of: "merge_across_nodes")
        }
        #expect(!machine.attributes.contains("merge_across_nodes"))
    }
}

/// `hashword` of Bob Jenkins' lookup3 (public domain), from its description: three registers that the shifts of two lists
/// stir in turn. It shares nothing with the plug-in but the numbers.
enum ReferenceLookup3 {
    /// The steps of `mix`: register `to` loses `from` and takes it again turned by `bits`, then `from` grows by `third`.
    private static let mixing: [(to: Int, from: Int, third: Int, bits: UInt32)] = [
        (0, 2, 1, 4), (1, 0, 2, 6), (2, 1, 0, 8), (0, 2, 1, 16), (1, 0, 2, 19), (2, 1, 0, 4),
    ]
    /// The steps of `final`: register `to` takes `from` and loses it again turned by `bits`.
    private static let ending: [(to: Int, from: Int, bits: UInt32)] = [
        (2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24),
    ]

    private static func turned(_ word: UInt32, _ bits: UInt32) -> UInt32 { word << bits | word >> (32 - bits) }

    static func hash(_ words: [UInt32], initialValue: UInt32) -> UInt32 {
        var registers = [UInt32](repeating: 0xdead_beef &+ UInt32(words.count) &* 4 &+ initialValue, count: 3)
        guard !words.isEmpty else { return registers[2] }
        var rest = words[...]
        while true {
            for (register, word) in rest.prefix(3).enumerated() { registers[register] &+= word }
            guard rest.count > 3 else { break }
            rest = rest.dropFirst(3)
            for step in mixing {
                registers[step.to] &-= registers[step.from]
                registers[step.to] ^= turned(registers[step.from], step.bits)
                registers[step.from] &+= registers[step.third]
            }
        }
        for step in ending {
            registers[step.to] ^= registers[step.from]
            registers[step.to] &-= turned(registers[step.from], step.bits)
        }
        return registers[2]
    }
}
